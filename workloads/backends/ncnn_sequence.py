"""How does ncnn run a recurrent operator? In its own LSTM and GRU, which take no lengths."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends.base import Unsupported
from workloads.backends.ncnn_transformer import RAW, array
from workloads.backends.reference_transformer import with_one
from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of the backend, each a function from Blobs to a Blob."""

    def LSTM(self, node, weights):
        spec = Recurrent(node, weights)
        w, r, b = [spec.arranged(each, "ifoc") for each in (spec.w, spec.r, sum(spec.biases()))]
        return self._recurrent(node, spec, [RAW, w, RAW, b, RAW, r])

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        if not spec.after:
            raise Unsupported("{0}: ncnn's GRU has its reset gate behind the product alone".format(node.name))
        outer, inner = [spec.arranged(each, "rzh") for each in spec.biases()]
        gates = 2 * spec.hidden
        b = np.concatenate([outer[:gates] + inner[:gates], outer[gates:], inner[gates:]])
        w, r = [spec.arranged(each, "rzh") for each in (spec.w, spec.r)]
        return self._recurrent(node, spec, [RAW, w, RAW, b, RAW, r])

    def _recurrent(self, node, spec, arrays):
        if node.op == "LSTM" and spec.given[1] != spec.given[2]:
            raise Unsupported("{0}: ncnn's LSTM takes no notice of one state without the other".format(node.name))
        fields = [(0, spec.hidden), (1, spec.w.size), (2, 0)]  # 2=0: forward

        def recurrent(x, lengths=None, *given):
            inputs = [x.name()] + [each.name() for each in given if each is not None]
            shape = x.shape[:2] + (spec.hidden,)
            if spec.sequence and lengths is None:
                return self._write(node.op, node, inputs, shape, fields, arrays)
            if spec.sequence:
                states = self._part(node, "steps", node.op, inputs, fields, arrays)
                return self._write("BinaryOp", node, [states, self._mask(node, lengths, shape[1])], shape, [(0, 2)])
            if lengths is not None:
                states = self._part(node, "steps", node.op, inputs, fields, arrays)
                own = self._part(node, "own", "BinaryOp", [states, self._last(node, lengths, shape[1])], [(0, 2)])
                summed = [(0, 0), (1, 0), (-23303, array([0])), (4, 0), (5, 1)]
                return self._write("Reduction", node, [own], (x.shape[0], spec.hidden), summed)
            tops = ["{0}_{1}".format(node.name, what) for what in ("all", "h", "c")[: 3 if node.op == "LSTM" else 2]]
            self._layer(node.op, node.name + "_steps", inputs, tops, fields, arrays)
            return self._write("Reshape", node, [tops[1]], (x.shape[0], spec.hidden), [(0, spec.hidden)])

        return recurrent

    def _mask(self, node, lengths, count):
        """[T,1] of a sample: 1 for its own steps and 0 behind them, cut out of how many steps are left."""
        steps = self._part(node, "t", "MemoryData", [], [(0, 1), (1, count)], [np.arange(count, dtype=np.float32)])
        left = self._part(node, "left", "BinaryOp", [lengths.name(), steps], [(0, 1)])
        return self._part(node, "mask", "Clip", [left], [(0, 0.0), (1, 1.0)])

    def _last(self, node, lengths, count):
        """[T] of a sample: 1 for its last step, 0 for the others."""
        ends = np.arange(1, count + 1, dtype=np.float32)
        steps = self._part(node, "t", "MemoryData", [], [(0, 1), (1, count)], [ends])
        left = self._part(node, "left", "BinaryOp", [lengths.name(), steps], [(0, 1)])
        away = self._part(node, "away", "UnaryOp", [left], [(0, 0)])  # 0=0: without its sign
        near = self._part(node, "near", "BinaryOp", [away], [(0, 7), (1, 1), (2, 1.0)])  # 0=7: 1 less what there is
        return self._part(node, "last", "Clip", [near], [(0, 0.0), (1, 1.0)])

    def ReduceSum(self, node, weights):
        return self._reduced(node, 0)

    def ReduceMean(self, node, weights):
        return self._reduced(node, 3)

    def _reduced(self, node, kind):
        axes, keep = node.attrs["axes"], int(node.attrs.get("keepdims", 1))

        def reduced(x):
            gone = {axis % len(x.shape) for axis in axes}
            if 0 in gone or x.shape[0] != self.batch:
                raise Unsupported("{0}: {1} over the batch".format(node.name, node.op))
            shape = [1 if axis in gone else length for axis, length in enumerate(x.shape) if keep or axis not in gone]
            numbers = array([axis - 1 for axis in sorted(gone)])  # ncnn counts without the batch
            fields = [(0, kind), (1, 0), (-23303, numbers), (4, keep), (5, 1)]  # 5=1: axes from the left
            return self._write("Reduction", node, [x.name()], tuple(shape), fields)

        return reduced

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: self._reshaped(node, x, with_one(x.shape, axis))

    def Cast(self, node, weights):
        """To ONNX's FLOAT, 1, which all of ncnn's numbers are, but for those that an Embed reads."""
        if node.attrs["to"] != 1:
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return self._single("Noop", node)
