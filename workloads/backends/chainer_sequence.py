"""How does Chainer run a recurrent operator? `n_step_lstm` and `n_step_gru`, over what each step has of the samples.

They take the samples with the longest first, as NStepLSTM hands them over, and compute no step behind a sample's own.
Chainer's GRU with the reset gate before the product is that of its link StatelessGRU, called step by step.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import chainer
import chainer.functions as F  # noqa: N812  (its usual name)
import numpy as np

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

ORDER = {"LSTM": "ifco", "GRU": "rzh"}
"""Chainer's order of the gates, each of which has weights of its own: n_step_lstm's documentation has the last two the
other way round, but its code takes them as cuDNN does."""


class Sequence(object):
    """Operators of the backend, which makes arrays or variables of the weights."""

    def LSTM(self, node, weights):
        return self._n_step(node, weights, F.n_step_lstm, 2)

    def GRU(self, node, weights):
        if node.attrs.get("linear_before_reset", 0):
            return self._n_step(node, weights, F.n_step_gru, 1)
        return self._reset_before(node, weights)

    def _n_step(self, node, weights, function, states):
        spec, gates = self._by_gate(node, weights)

        def n_step(x, lengths=None, *initial):
            (w, r), biases = gates()
            given = list(initial) + [None] * (states - len(initial))
            start = [zeros(x, spec.hidden) if each is None else each for each in given]
            steps, order = F.separate(x, axis=1), None
            if lengths is not None:
                order, counts = longest_first(lengths, x.shape[1])
                steps = [F.permutate(one, order)[:count] for one, count in zip(steps, counts)]  # noqa: B905
                start = [F.permutate(each, order) for each in start]
            start = [F.expand_dims(each, 0) for each in start]
            found = function(1, 0.0, *start, ws=[w + r], bs=[biases[0] + biases[1]], xs=list(steps))
            if not spec.sequence:
                last = found[0][0]
                return last if order is None else F.permutate(last, order, inv=True)
            if order is None:
                return F.stack(found[-1], axis=1)
            samples = F.pad_sequence(F.transpose_sequence(found[-1]), x.shape[1])
            return F.permutate(samples, order, inv=True)

        return n_step

    def _reset_before(self, node, weights):
        spec, gates = self._by_gate(node, weights)

        def before(x, lengths=None, h=None):
            (w, r), biases = gates()
            state, outputs = zeros(x, spec.hidden) if h is None else h, []
            for t, here in enumerate(F.separate(x, axis=1)):
                reset = F.sigmoid(F.linear(here, w[0], biases[0][0]) + F.linear(state, r[0], biases[1][0]))
                z = F.sigmoid(F.linear(here, w[1], biases[0][1]) + F.linear(state, r[1], biases[1][1]))
                n = F.tanh(F.linear(here, w[2], biases[0][2]) + F.linear(reset * state, r[2], biases[1][2]))
                new = n + z * (state - n)
                if lengths is not None:
                    own = np.broadcast_to((lengths.data > t)[:, None], new.shape)
                    outputs.append(F.where(own, new, np.zeros(new.shape, np.float32)) if spec.sequence else None)
                    state = F.where(own, new, state)
                else:
                    outputs.append(new)
                    state = new
            return F.stack(outputs, axis=1) if spec.sequence else state

        return before

    def _by_gate(self, node, weights):
        """The Recurrent, and a function that gives ((W's, R's), (biases of W, of R)): each a list by gate."""
        spec = Recurrent(node, weights)
        places = [spec.order.index(gate) for gate in ORDER[node.op]]
        placed = self._placed(weights, plain=True)
        count = len(places)
        absent = [np.zeros(spec.hidden, np.float32)] * count

        def parts(array, pieces):
            return np.split(array, pieces) if isinstance(array, np.ndarray) else list(F.split_axis(array, pieces, 0))

        def cut():
            matrices = []
            for key in ("W", "R"):
                found = parts(placed[key][0], count)
                matrices.append([found[place] for place in places])
            if "B" not in placed:
                return matrices, [absent, absent]
            given = 2 if spec.rb is not None else 1
            found = parts(placed["B"][0], given * count)
            outer = [found[place] for place in places]
            return matrices, [outer, [found[count + place] for place in places] if given > 1 else absent]

        if isinstance(placed["W"], chainer.Variable):
            return spec, cut  # in every graph again
        made = cut()
        return spec, lambda: made

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = self._placed(weights, plain=True)["data"]
        return lambda rows: F.embed_id(rows, data)

    def ReduceSum(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: F.sum(x, axis=axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: F.average(x, axis=axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: F.expand_dims(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: F.cast(x, np.float32)

    def Div(self, node, weights):
        return lambda a, b: a / (b if a.shape == b.shape else F.broadcast_to(b, a.shape))


def zeros(x, hidden):
    """[B,H]"""
    return chainer.Variable(np.zeros((x.shape[0], hidden), np.float32))


def longest_first(lengths, steps):
    """(indexes of the samples, the longest first; how many of them take each step, for the steps that one takes)."""
    lengths = lengths.data
    order = np.argsort(-lengths, kind="mergesort").astype(np.int32)
    return order, [int((lengths > t).sum()) for t in range(min(steps, int(lengths.max())))]
