"""How does TensorFlow run a recurrent operator? A `tf.while_loop` over the steps, after one product for all inputs.

As tf.keras.layers.LSTM and GRU do on a CPU, with TensorArrays and not unrolled: TensorFlow has no kernel for a whole
layer there. Where lengths are given, a step behind a sample's own keeps the state by a `where`, as their masks do.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import tensorflow as tf

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

TURNED = (0, 2, 1)
"""[1,G*H,I] to the [1,I,G*H] that a row is multiplied by, and back."""


class Sequence(object):
    """Operators of the backend, which makes variables of the weights."""

    def LSTM(self, node, weights):
        def step(gates, state, r, inner):
            h, c = state
            gates = gates + tf.matmul(h, r)
            i, o, f, g = tf.split(gates if inner is None else gates + inner, 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            return tf.sigmoid(o) * tf.tanh(c), c

        return self._looped(node, weights, step, 2)

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        both = 2 * spec.hidden

        def after(gates, state, r, inner):
            (h,) = state
            product = tf.matmul(h, r)
            product = product if inner is None else product + inner
            z, reset = tf.split(tf.sigmoid(gates[:, :both] + product[:, :both]), 2, axis=1)
            n = tf.tanh(gates[:, both:] + reset * product[:, both:])
            return (n + z * (h - n),)

        def before(gates, state, r, inner):
            (h,) = state
            gates = gates if inner is None else gates + inner
            z, reset = tf.split(tf.sigmoid(gates[:, :both] + tf.matmul(h, r[:, :both])), 2, axis=1)
            n = tf.tanh(gates[:, both:] + tf.matmul(reset * h, r[:, both:]))
            return (n + z * (h - n),)

        return self._looped(node, weights, after if spec.after else before, 1)

    def _looped(self, node, weights, step, states):
        """`step(gates, state, r, inner)`: gates [B,G*H] has the inputs' part, `inner` is the bias of R or None."""
        spec = Recurrent(node, weights)
        w, r = [self.learnt_weight(node, key, weights[key], TURNED, TURNED) for key in ("W", "R")]
        b = self.learnt_weight(node, "B", weights["B"]) if spec.wb is not None else None
        width = len(spec.w)

        def looped(x, lengths=None, *initial):
            batch, steps = x.shape[0], x.shape[1]
            of_states = tf.squeeze(r, 0)
            inner = b[0, width:] if spec.rb is not None else None
            rows = tf.reshape(tf.transpose(x, [1, 0, 2]), [steps * batch, x.shape[2]])
            gates = tf.matmul(rows, tf.squeeze(w, 0))
            gates = tf.reshape(gates if b is None else tf.nn.bias_add(gates, b[0, :width]), [steps, batch, width])
            gates = tf.TensorArray(tf.float32, steps).unstack(gates)
            zeros = tf.zeros([batch, spec.hidden])
            start = tuple(zeros if each is None else each for each in initial or [None] * states)
            outputs = tf.TensorArray(tf.float32, steps if spec.sequence else 0)

            def body(time, outputs, *state):
                new = step(gates.read(time), state, of_states, inner)
                output = new[0]
                if lengths is not None:
                    own = tf.expand_dims(tf.cast(time, lengths.dtype) < lengths, 1)
                    output = tf.where(own, output, tf.zeros_like(output))
                    new = tuple(tf.where(own, one, two) for one, two in zip(new, state))  # noqa: B905
                return (time + 1, outputs.write(time, output) if spec.sequence else outputs) + tuple(new)

            found = tf.while_loop(lambda time, *_: time < steps, body, (0, outputs) + start, maximum_iterations=steps)
            if not spec.sequence:
                return found[2]
            return tf.transpose(tf.ensure_shape(found[1].stack(), [steps, batch, spec.hidden]), [1, 0, 2])

        return looped

    def ReduceSum(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: tf.reduce_sum(x, axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: tf.reduce_mean(x, axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: tf.expand_dims(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: tf.cast(x, tf.float32)

    def Div(self, node, weights):
        return tf.divide
