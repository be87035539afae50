"""How are recurrent operators written for OpenCV's reader of ONNX? With every input and output, but for the lengths.

OpenCV 5 wants the initial states of an LSTM, and takes a GRU's Y for its Y_h where that is left out; OpenCV 4 wants a
GRU's B and initial_h, and has no Y_h. Both take no notice of sequence_lens where they read it at all.
"""
# ruff: noqa: N802  (methods are called after ONNX's operators, and all take a node and its weights)

import cv2
import numpy as np
from onnx import TensorProto

from workloads import onnx_graph, onnx_sequence
from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

OLD = cv2.__version__.startswith("4.")


class Writer(onnx_sequence.Sequence, onnx_graph.Writer):
    """An operator computes all steps of a sequence; those that a sample has not are then multiplied by 0."""

    def LSTM(self, node, weights):
        return self._whole(node, Recurrent(node, weights), ("h", "c"))

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        if OLD and not spec.after:
            raise Unsupported("{0}: GRU: OpenCV 4 computes every one by linear_before_reset 1".format(node.name))
        if OLD and spec.given[1]:
            raise Unsupported("{0}: GRU: OpenCV 4 reads an initial_h that is a constant".format(node.name))
        return self._whole(node, spec, ("h",), linear_before_reset=int(spec.after))

    def _whole(self, node, spec, keys, **attrs):
        weights = {"W": spec.w[None], "R": spec.r[None], "B": np.concatenate(spec.biases())[None]}
        own = [self._weight(node, key, array) for key, array in weights.items()]

        def recurrent(x, lengths=None, *given):
            batch, count = self._shape(x)[:2]
            tensors = [self._part(node, "x", "Transpose", [x], perm=[1, 0, 2])] + own + [""]
            zeros = np.zeros((1, batch, spec.hidden), np.float32)
            for key, state in zip(keys, given or [None] * len(keys)):  # noqa: B905  (3.10 has it)
                if state:
                    tensors.append(self._part(node, key, "Unsqueeze", [state, self._axes(node, [0])]))
                else:
                    tensors.append(self._weight(node, "initial_" + key, zeros))
            outputs = ["{0}.{1}".format(node.name, key) for key in ("Y", "Y_h")]
            self._write(node.name + ".steps", node.op, tensors, outputs=outputs, hidden_size=spec.hidden, **attrs)
            rows = self._part(node, "rows", "Reshape", [outputs[0], self._integer(node, "shape", (count, batch, -1))])
            if lengths:
                turned = self._part(node, "turned", "Transpose", [rows], perm=[1, 0, 2])
                return self._within(node, spec, turned, lengths, count)
            if spec.sequence:
                return self._write(node.name, "Transpose", [rows], perm=[1, 0, 2])
            return self._write(node.name, "Gather", [rows, self._integer(node, "end", count - 1)], axis=0)

        return recurrent

    def _within(self, node, spec, states, lengths, count):  # noqa: PLR0917
        """Of all states [B,T,H] those of each sample's own steps, or the last of these [B,H]."""
        ends = self._part(node, "float", "Cast", [lengths], to=TensorProto.FLOAT)
        ends = self._part(node, "ends", "Reshape", [ends, self._integer(node, "column", (-1, 1, 1))])
        steps = np.arange(count)[None, :, None]
        if spec.sequence:
            mask = self._part(node, "mask", "Less", [self._number(node, "steps", steps), ends])
        else:
            mask = self._part(node, "mask", "Equal", [self._number(node, "steps", steps + 1), ends])
        own = [states, self._part(node, "own", "Cast", [mask], to=TensorProto.FLOAT)]
        if spec.sequence:
            return self._write(node.name, "Mul", own)
        return self._write(
            node.name, "ReduceSum", [self._part(node, "kept", "Mul", own), self._axes(node, [1])], keepdims=0
        )

    def _integer(self, node, what, value):
        name = "{0}.{1}".format(node.name, what)
        self.small[name] = np.array(value, np.int64)
        return name
