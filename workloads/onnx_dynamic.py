"""How is a linear layer written into an ONNX model that its reader computes in int8?"""
# ruff: noqa: N802  (methods are called after ONNX's operators)

import numpy as np
import onnx

from workloads.backends.base import Unsupported

INTEGER = frozenset({"DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat"})
"""Products of integers: ONNX's operator, and what ONNX Runtime fuses it into."""


def quantised(weight):
    """(int8 array, scale): symmetric, one scale for the tensor, as quantize_dynamic of ONNX Runtime has it."""
    scale = np.float32(np.abs(weight).max() / 127)
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


def check(nodes):
    """Raise Unsupported for a network that dynamic quantisation has nothing for."""
    ops = {node.op for node in nodes}
    if "Conv" in ops:
        raise Unsupported("dtype 'int8': Conv: only linear layers are quantised as they run, others want calibration")
    if "Gemm" not in ops:
        raise Unsupported("dtype 'int8': dynamic quantisation has linear layers, and this network has none")


class Dynamic(object):
    """A Writer whose Gemm quantises its input at every step, where int8 is asked for: DynamicQuantizeLinear (to uint8)
    and MatMulInteger, whose int32 is scaled back to float32."""

    def Gemm(self, node, weights):
        if self.computes_in != "int8":
            return super(Dynamic, self).Gemm(node, weights)
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        array, scale = quantised(weights["B"].T if node.attrs.get("transB", 0) else weights["B"])
        weight = self._weight(node, "B", np.ascontiguousarray(array))
        factor = self._number(node, "scale", scale)
        bias = self._weight(node, "C", weights["C"]) if "C" in weights else None

        def gemm(x):
            parts = ["{0}.{1}".format(node.name, key) for key in ("quantised", "step", "zero")]
            self._write(parts[0], "DynamicQuantizeLinear", [x], outputs=parts)
            summed = self._part(node, "summed", "MatMulInteger", [parts[0], weight, parts[2]])
            wide = self._part(node, "wide", "Cast", [summed], to=onnx.TensorProto.FLOAT)
            both = self._part(node, "both", "Mul", [parts[1], factor])
            if bias is None:
                return self._write(node.name, "Mul", [wide, both])
            return self._write(node.name, "Add", [self._part(node, "scaled", "Mul", [wide, both]), bias])

        return gemm
