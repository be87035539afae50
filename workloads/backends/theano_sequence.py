"""How does Theano run a recurrent operator? A `scan` over the steps, after one product for the inputs of all.

As its tutorial's LSTM (deeplearning.net/tutorial/lstm.html), whose mask keeps the state behind a sample's length; its
successor PyTensor has the same functions.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of the backend, which makes shared variables of the weights and says what differs: `tensor`, the module
    of expressions, `scan` and `sigmoid`."""

    def LSTM(self, node, weights):
        spec, dot, tanh = Recurrent(node, weights), self.tensor.dot, self.tensor.tanh
        size = spec.hidden

        def step(gates, h, c, r):
            gates = gates + dot(h, r)
            i, o, f = [self.sigmoid(gates[:, k * size : (k + 1) * size]) for k in range(3)]
            c = f * c + i * tanh(gates[:, 3 * size :])
            return o * tanh(c), c

        return self._scanned(node, weights, step, 2)

    def GRU(self, node, weights):
        spec, dot, tanh = Recurrent(node, weights), self.tensor.dot, self.tensor.tanh
        size, both = spec.hidden, 2 * spec.hidden

        def after(gates, h, r, inner):
            product = dot(h, r) + inner
            z, reset = [self.sigmoid(gates[:, part] + product[:, part]) for part in (slice(size), slice(size, both))]
            return (z * h + (1 - z) * tanh(gates[:, both:] + reset * product[:, both:]),)

        def before(gates, h, r):
            product = dot(h, r[:, :both])
            z, reset = [self.sigmoid(gates[:, part] + product[:, part]) for part in (slice(size), slice(size, both))]
            return (z * h + (1 - z) * tanh(gates[:, both:] + dot(reset * h, r[:, both:])),)

        return self._scanned(node, weights, after if spec.after else before, 1)

    def _scanned(self, node, weights, step, states):
        """`step(gates [B,G*H] with the inputs' part, states..., R [H,G*H], and the bias of R of a reset behind it)`."""
        spec, T = Recurrent(node, weights), self.tensor  # noqa: N806  (its usual name)
        w, r = [self.held(node, weights, key)[0].T for key in ("W", "R")]
        b = self.held(node, weights, "B")[0] if spec.wb is not None else None
        width = len(spec.w)

        def scanned(x, lengths=None, *initial):
            gates = T.dot(x.dimshuffle(1, 0, 2), w)
            constants = [r]
            if b is not None:
                gates = gates + b[:width]
            if spec.after and states == 1:
                constants.append(T.zeros((width,), "float32") if spec.rb is None else b[width:])
            elif spec.rb is not None:
                gates = gates + b[width:]
            zeros = T.alloc(np.float32(0), x.shape[0], spec.hidden)
            given = list(initial) + [None] * (states - len(initial))
            start = [zeros if each is None else each for each in given]
            sequences, body = [gates], step
            if lengths is not None:
                mask = T.arange(x.shape[1]).dimshuffle(0, "x") < lengths.dimshuffle("x", 0)
                sequences.append(T.cast(mask, "float32"))

                def body(gates, own, *rest):
                    own = own.dimshuffle(0, "x")
                    new, old = step(gates, *rest), rest[:states]
                    return [own * one + (1 - own) * two for one, two in zip(new, old)]  # noqa: B905

            found, _ = self.scan(
                lambda *tensors: list(body(*tensors)),
                sequences=sequences,
                outputs_info=start,
                non_sequences=constants,
                name=node.name,
                strict=True,
            )
            states_of_all = found[0] if states > 1 else found
            if not spec.sequence:
                return states_of_all[-1]
            if lengths is not None:
                states_of_all = states_of_all * sequences[1].dimshuffle(0, 1, "x")
            return states_of_all.dimshuffle(1, 0, 2)

        return scanned

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data, width = self.held(node, weights, "data"), weights["data"].shape[1]

        def gather(rows):  # as the tutorial has it: a vector of indexes has a kernel of its own, and a matrix none
            shape = [rows.shape[axis] for axis in range(rows.ndim)] + [width]
            return data[rows.flatten()].reshape(shape, ndim=len(shape))

        return gather

    def ReduceSum(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.sum(axis=axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.mean(axis=axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: self.tensor.shape_padaxis(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: self.tensor.cast(x, "float32")
