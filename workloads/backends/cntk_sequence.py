"""How does CNTK run a recurrent operator? A loop over its axis of sequences, closed by `past_value`.

As C.layers.Recurrence over the blocks LSTM and GRU, which make parameters of their own. What a layer takes becomes a
sequence of each sample's length, and what it gives stays one: a sum along the steps is one along that axis.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import cntk as C  # noqa: N812  (its usual name)
import numpy as np

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of the backend, over tensors with CNTK's batch axis."""

    def LSTM(self, node, weights):
        size = node.attrs["hidden_size"]

        def step(gates, state, r, inner):
            h, c = state
            gates = gates + C.times(h, r) + inner
            i, o, f = [C.sigmoid(gates[k * size : (k + 1) * size]) for k in range(3)]
            c = f * c + i * C.tanh(gates[3 * size :])
            return o * C.tanh(c), c

        return self._looped(node, weights, step, 2)

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        size, both = spec.hidden, 2 * spec.hidden

        def after(gates, state, r, inner):
            (h,) = state
            product = C.times(h, r) + inner
            both_gates = C.sigmoid(gates[:both] + product[:both])
            n = C.tanh(gates[both:] + both_gates[size:] * product[both:])
            return (n + both_gates[:size] * (h - n),)

        def before(gates, state, r, inner):
            (h,) = state
            gates = gates + inner
            both_gates = C.sigmoid(gates[:both] + C.times(h, r[0]))
            n = C.tanh(gates[both:] + C.times(both_gates[size:] * h, r[1]))
            return (n + both_gates[:size] * (h - n),)

        return self._looped(node, weights, after if spec.after else before, 1)

    def _looped(self, node, weights, step, states):
        """`step(gates, state, r, inner)`: gates [G*H] has the inputs' part, `inner` is the bias of R."""
        spec = Recurrent(node, weights)
        w, r = [
            self._held(node, key, array.T, weights[key], transposed=True)
            for key, array in (("W", spec.w), ("R", spec.r))
        ]
        outer = inner = C.constant(np.zeros(len(spec.w), np.float32))
        if spec.wb is not None:
            biases = self._held(node, "B", weights["B"][0], weights["B"])
            outer = biases[: len(spec.w)]
            inner = biases[len(spec.w) :] if spec.rb is not None else inner
        if node.op == "GRU" and not spec.after:
            r = (r[:, : 2 * spec.hidden], r[:, 2 * spec.hidden :])

        def looped(x, lengths=None, *initial):
            self.steps[node.name] = self.steps.get(node.inputs[0]) or x.shape[0]
            if len(x.dynamic_axes) < 2:
                x = as_sequence(x, lengths)
            gates = C.times(x, w) + outer
            start = [0 if each is None else each for each in list(initial) + [None] * (states - len(initial))]
            later = [C.placeholder((spec.hidden,), x.dynamic_axes) for _ in start]
            past = [C.sequence.past_value(one, state) for one, state in zip(later, start)]  # noqa: B905
            new = step(gates, past, r, inner)
            closed = C.combine(list(new)).replace_placeholders(
                {one: state.output for one, state in zip(later, new)}  # noqa: B905
            )
            return closed.outputs[0] if spec.sequence else C.sequence.last(closed.outputs[0])

        return looped

    def _held(self, node, key, array, whole, *, transposed=False):
        """The parameter of one weight, which is known by ONNX's array: `whole`, that has one axis more."""
        made = C.parameter(init=np.ascontiguousarray(array))
        if self.learning:
            self.learnt["{0}.{1}".format(node.name, key)] = made, whole.shape, transposed
        return made

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        rows = len(weights["data"])
        data = self._weight(weights["data"])
        if self.learning:  # a gradient of the table's own shape; that of the product below is sparse, in blocks
            return lambda x: C.gather(data, x)
        return lambda x: C.times(C.one_hot(x, rows, sparse_output=True), data)  # as C.layers.Embedding has it

    def ReduceSum(self, node, weights):
        return along_steps(node, C.sequence.reduce_sum)

    def ReduceMean(self, node, weights):
        def mean(x):
            if node.inputs[0] not in self.steps:
                raise Unsupported("{0}: ReduceMean of what no recurrent layer gave".format(node.name))
            return C.sequence.reduce_sum(x) / self.steps[node.inputs[0]]

        return along_steps(node, mean)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]

        def unsqueeze(x):
            place = axis - 1 if x.dynamic_axes else axis
            return C.reshape(x, x.shape[:place] + (1,) + x.shape[place:])

        return unsqueeze

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: x  # inputs are float32 here, integers too


def as_sequence(x, lengths):
    """[T,I] of each sample as a sequence of its own steps; `to_sequence` itself wants one of the lengths to be T."""
    whole = C.to_sequence(x)
    if lengths is None:
        return whole
    own = C.less(C.constant(np.arange(x.shape[0], dtype=np.float32).reshape(-1, 1)), lengths)
    return C.sequence.gather(whole, C.to_sequence_like(own, whole))


def along_steps(node, function):
    if list(node.attrs["axes"]) != [1] or node.attrs.get("keepdims", 1):
        raise Unsupported("{0}: {1} along other axes than a sequence's".format(node.name, node.op))

    def reduced(x):
        if len(x.dynamic_axes) < 2:
            raise Unsupported("{0}: {1} of no sequence".format(node.name, node.op))
        return function(x)

    return reduced
