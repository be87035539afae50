"""What of ONNX's recurrent operators does OpenCV's reader know? All of it where every input and output is there.

OpenCV 5 wants the initial states of an LSTM, and takes a GRU's Y for its Y_h where that is left out; OpenCV 4 wants a
GRU's B and initial_h, and has no Y_h. Both take no notice of sequence_lens where they read it at all.
"""
# ruff: noqa: N802  (methods are called after ONNX's operators, and all take a node and its weights)

import cv2

from workloads import onnx_graph
from workloads.backends.base import Unsupported
from workloads.onnx_sequence import Whole
from workloads.recurrent import Recurrent


class Writer(Whole, onnx_graph.Writer):
    """What OpenCV 4 computes otherwise than it was asked to, and says nothing, is refused."""

    def LSTM(self, node, weights):
        given = Recurrent(node, weights).given
        if cv2.__version__.startswith("4.") and given[1] != given[2]:
            raise Unsupported("{0}: LSTM: OpenCV 4 reads two states or two constants".format(node.name))
        return super(Writer, self).LSTM(node, weights)

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        if cv2.__version__.startswith("4."):
            if not spec.after:
                raise Unsupported("{0}: GRU: OpenCV 4 computes every one by linear_before_reset 1".format(node.name))
            if spec.given[1]:
                raise Unsupported("{0}: GRU: OpenCV 4 reads an initial_h that is a constant".format(node.name))
        return super(Writer, self).GRU(node, weights)
