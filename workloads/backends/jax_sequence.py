"""How does JAX run a recurrent operator? A `lax.scan` over the steps, after one product for the inputs of all of them.

The loop is not unrolled, as in flax's RNN: what is fused within a step is XLA's decision. Where lengths are given, a
step behind a sample's own keeps the state by a `where`; all steps are computed.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

TURNED = (0, 2, 1)
"""[1,G*H,I] to the [1,I,G*H] that a row is multiplied by, and back."""


class Sequence(object):
    """Operators of the backend, which hands in the weights while the function is traced."""

    def LSTM(self, node, weights):
        jax, jnp = self.jax, self.jax.numpy

        def step(held, state, gates):
            h, c = state
            i, o, f, g = jnp.split(gates + jnp.dot(h, held.r) + held.inner, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return jax.nn.sigmoid(o) * jnp.tanh(c), c

        return self._scanned(node, weights, step, 2)

    def GRU(self, node, weights):
        jax, jnp = self.jax, self.jax.numpy
        spec = Recurrent(node, weights)
        both = 2 * spec.hidden

        def after(held, state, gates):
            (h,) = state
            inner = jnp.dot(h, held.r) + held.inner
            z, r = jnp.split(jax.nn.sigmoid(gates[:, :both] + inner[:, :both]), 2, axis=1)
            n = jnp.tanh(gates[:, both:] + r * inner[:, both:])
            return (n + z * (h - n),)

        def before(held, state, gates):
            (h,) = state
            gates = gates + held.inner
            z, r = jnp.split(jax.nn.sigmoid(gates[:, :both] + jnp.dot(h, held.r[:, :both])), 2, axis=1)
            n = jnp.tanh(gates[:, both:] + jnp.dot(r * h, held.r[:, both:]))
            return (n + z * (h - n),)

        return self._scanned(node, weights, after if spec.after else before, 1)

    def _scanned(self, node, weights, step, states):
        """`step(held, state, gates)`: gates [B,G*H] has the inputs' part, state is a tuple of [B,H]."""
        spec, jnp, lax = Recurrent(node, weights), self.jax.numpy, self.jax.lax
        w, r = [self._weight(node, key, weights[key].transpose(TURNED), TURNED) for key in ("W", "R")]
        b = self._weight(node, "B", weights["B"]) if "B" in weights else None

        def scanned(x, lengths=None, *initial):
            held = Held(w()[0], r()[0], b()[0] if b else None)
            gates = jnp.dot(x.swapaxes(0, 1), held.w) + held.outer
            given = initial or [None] * states
            zeros = jnp.zeros((x.shape[0], spec.hidden), x.dtype)
            start = tuple(zeros if each is None else each for each in given)

            def free(state, gates):
                state = step(held, state, gates)
                return state, state[0] if spec.sequence else None

            def bounded(state, gates_and_time):
                gates, time = gates_and_time
                own = (time < lengths)[:, None]
                new = step(held, state, gates)
                state = tuple(jnp.where(own, one, two) for one, two in zip(new, state))  # noqa: B905
                return state, jnp.where(own, new[0], 0) if spec.sequence else None

            if lengths is None:
                state, outputs = lax.scan(free, start, gates)
            else:
                state, outputs = lax.scan(bounded, start, (gates, jnp.arange(x.shape[1])))
            return outputs.swapaxes(0, 1) if spec.sequence else state[0]

        return scanned

    def ReduceSum(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.sum(axis=axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.mean(axis=axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: self.jax.numpy.expand_dims(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: x.astype("float32")

    def Div(self, node, weights):
        return self.jax.numpy.divide


class Held(object):
    """The weights inside a traced function: w [I,G*H], r [H,G*H], `outer` the bias of W and `inner` that of R."""

    def __init__(self, w, r, b):
        self.w, self.r = w, r
        width = w.shape[1]
        self.outer = 0.0 if b is None else b[:width]
        self.inner = 0.0 if b is None or len(b) == width else b[width:]
