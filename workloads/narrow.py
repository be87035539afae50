"""What does rounding to a narrower type leave of a network? float32 numpy whose operators see and give rounded tensors.

Not what any framework computes: fused operators round less often, sums kept in the narrow type more. It says how much
of an error is the type's, and not a mistake's.
"""

import numpy as np

from workloads.backends.reference import Backend


def to_bfloat16(array):
    """float32 with 8 bits of mantissa, to nearest even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded & np.uint32(0xFFFF0000)).view(np.float32)


def to_float16(array):
    """float32 with 11 bits of mantissa, and float16's range."""
    return np.asarray(array, np.float32).astype(np.float16).astype(np.float32)


def to_int8(weight):
    """What int8 keeps of a weight: symmetric, one scale for the tensor."""
    scale = np.float32(np.abs(weight).max() / 127) or np.float32(1)
    return np.clip(np.rint(weight / scale), -127, 127) * scale


def to_seven_bits(x):
    """What dynamic quantisation keeps of an activation at least: PyTorch leaves a bit of eight to the sums."""
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = np.float32((high - low) / 127) or np.float32(1)
    return np.rint(x / scale) * scale


class Narrow(Backend):
    """Weights, and what is between operators, rounded by `rounded`."""

    @staticmethod
    def rounded(array):
        raise NotImplementedError

    def _round(self, array):
        return self.rounded(array) if array is not None and array.dtype.kind == "f" else array

    def operators(self, nodes, weights):
        made = []
        for node in nodes:
            own = {key: self._round(array) for key, array in weights.get(node.name, {}).items()}
            ((_, function),) = super(Narrow, self).operators([node], {node.name: own})
            made.append((node, self._between(function)))
        return made

    def _between(self, function):
        return lambda *tensors: self._round(function(*[self._round(each) for each in tensors]))


class BFloat16(Narrow):
    rounded = staticmethod(to_bfloat16)


class Float16(Narrow):
    rounded = staticmethod(to_float16)


class Int8(Backend):
    """Linear layers alone, their inputs and weights."""

    def Gemm(self, node, weights):  # noqa: N802  (called after ONNX's operator)
        function = super(Int8, self).Gemm(node, dict(weights, B=to_int8(weights["B"])))
        return lambda x: function(to_seven_bits(x))


TYPES = {"bfloat16": BFloat16, "float16": Float16, "int8": Int8}
