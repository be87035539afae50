"""How does NNabla run a recurrent operator? Step by step in its functions, as PF.lstm_cell has it.

The inputs of all steps are one product. Its functions `lstm` and `gru` give the same on a CPU, but make a graph anew in
every forward, in which each step transposes the weights of each gate: 2 to 25 times the time for an LSTM.
All steps of all samples are computed: what lies behind a sample's own is masked afterwards.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import nnabla as nn
import nnabla.functions as F  # noqa: N812  (its usual name)
import numpy as np

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import with_one
from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of the backend, which makes variables of the weights. The gates of a cell are in ONNX's order."""

    def LSTM(self, node, weights):
        spec = Recurrent(node, weights)
        inputs, inner = self._layers(node, spec)

        def cell(here, state):
            h, c = state
            i, o, f, g = gates(here + F.affine(h, *inner), spec.hidden)
            c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
            return F.sigmoid(o) * F.tanh(c), c

        return self._unrolled(spec, inputs, cell, 2)

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        inputs, *inner = self._layers(node, spec, None if spec.after else 2 * spec.hidden)

        def after(here, state):
            (h,) = state
            az, ar, an = gates(here, spec.hidden)
            bz, br, bn = gates(F.affine(h, *inner[0]), spec.hidden)
            z, n = F.sigmoid(az + bz), F.tanh(an + F.sigmoid(ar + br) * bn)
            return (n + z * (h - n),)

        def before(here, state):
            (h,) = state
            az, ar, an = gates(here, spec.hidden)
            bz, br = gates(F.affine(h, *inner[0]), spec.hidden)
            z, n = F.sigmoid(az + bz), F.tanh(an + F.affine(F.sigmoid(ar + br) * h, *inner[1]))
            return (n + z * (h - n),)

        return self._unrolled(spec, inputs, after if spec.after else before, 1)

    def _layers(self, node, spec, cut=None):
        """[(weight [in,out], bias [out] or None)] of W and of R, whose rows from `cut` on are a product apart."""
        parts = [("W.0", spec.w, spec.wb)]
        for place, rows in enumerate([slice(cut), slice(cut, None)] if cut else [slice(None)]):
            parts.append(("R.{0}".format(place), spec.r[rows], None if spec.rb is None else spec.rb[rows]))
        return [
            (
                self._part(node, name, matrix),
                None if bias is None else self._part(node, "B.{0}".format(place), bias),
            )
            for place, (name, matrix, bias) in enumerate(parts)
        ]

    def _part(self, node, name, array):
        """Of a weight: a matrix is turned round, as affine wants it."""
        name, shape = "{0}.{1}".format(node.name, name), (1,) + array.shape
        return self._variable(array, name, shape, transposed=array.ndim > 1)

    @staticmethod
    def joined(found):
        """Arrays by name, the parts of a layer's weight put together: "gru.R.0" and "gru.R.1" are "gru.R"."""
        parts = {}
        for name in sorted(found):
            whole, _, place = name.rpartition(".")
            parts.setdefault(whole if place.isdigit() else name, []).append(found[name])
        return {name: each[0] if len(each) == 1 else np.concatenate(each, axis=1) for name, each in parts.items()}

    @staticmethod
    def _unrolled(spec, inputs, cell, states):
        def unrolled(x, lengths=None, *initial):
            rows, steps = x.shape[:2]
            state = [F.constant(0, (rows, spec.hidden)) if each is None else each for each in initial[:states]]
            state += [F.constant(0, (rows, spec.hidden)) for _ in range(states - len(state))]
            outputs = []
            for here in along(F.affine(x, *inputs, base_axis=2), 1):
                state = cell(here, state)
                outputs.append(state[0])
            if lengths is None:
                return F.stack(*outputs, axis=1) if spec.sequence else state[0]
            return masked(F.stack(*outputs, axis=1), F.reshape(lengths, (rows, 1), inplace=False), spec.sequence)

        return unrolled

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        if len(weights["data"]) > 1 << 24:
            raise Unsupported("{0}: rows are counted in float32, which ends at 2**24".format(node.name))
        data = self._weight(weights["data"])
        return lambda rows: F.embed(rows, data)

    def ReduceSum(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: F.sum(x, axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: F.mean(x, axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: F.reshape(x, with_one(x.shape, axis), inplace=False)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: x  # it computes in that alone

    def Div(self, node, weights):
        return F.div2


def along(x, axis):
    """The slices of x along an axis: F.split refuses one alone."""
    if x.shape[axis] > 1:
        return F.split(x, axis=axis)
    return [F.reshape(x, x.shape[:axis] + x.shape[axis + 1 :])]


def gates(x, hidden):
    """[B,G*H] as its G gates [B,H]."""
    return F.split(F.reshape(x, (x.shape[0], x.shape[1] // hidden, hidden)), axis=1)


def masked(outputs, lengths, sequence):
    """Of outputs [B,T,H] and lengths [B,1] what the node's output is: 0 behind a sample's own steps, or its last."""
    steps = nn.Variable.from_numpy_array(np.arange(outputs.shape[1], dtype=np.float32)[None])
    chosen = F.less(steps, lengths) if sequence else F.equal(steps, lengths - 1)
    outputs = F.where(chosen, outputs, F.constant(0, outputs.shape))
    return outputs if sequence else F.sum(outputs, 1)
