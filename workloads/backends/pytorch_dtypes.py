"""How does PyTorch compute in bfloat16, float16 and int8, and what shows that it did?"""

import torch

from workloads.backends.base import Unsupported

TYPES = {"float32": torch.float32, "bfloat16": getattr(torch, "bfloat16", None), "float16": torch.float16}

RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
"""Operators whose cells are written in float32 here."""


def check(dtype, execution, nodes):
    """Raise Unsupported for what this version, mode or network cannot have in `dtype`."""
    if dtype == "float32":
        return
    if execution not in ("default", "channels_last"):
        text = "dtype {0!r} in mode {1!r}: types are read back from the tensors of eager mode alone"
        raise Unsupported(text.format(dtype, execution))
    if TYPES.get(dtype, torch) is None:
        raise Unsupported("dtype {0!r}: PyTorch {1} has no such thing".format(dtype, torch.__version__))
    ops = {node.op for node in nodes}
    if ops & RECURRENT:
        raise Unsupported("dtype {0!r}: {1} is float32 here".format(dtype, min(ops & RECURRENT)))
    if dtype == "int8":
        check_int8(ops)


def check_int8(ops):
    """Dynamic quantisation has linear layers: a convolution would need ranges from calibration."""
    if not hasattr(torch.ops.quantized, "linear_dynamic"):
        raise Unsupported("dtype 'int8': PyTorch {0} has no quantized::linear_dynamic".format(torch.__version__))
    if "Conv" in ops:
        raise Unsupported("dtype 'int8': Conv: PyTorch quantises convolutions only with calibrated ranges")
    if "Gemm" not in ops:
        raise Unsupported("dtype 'int8': dynamic quantisation has linear layers, and this network has none")


class Dynamic(object):
    """A linear layer as torch.ao.nn.quantized.dynamic.Linear has it: int8 weights with one scale, symmetric; each
    step quantises its input to 7 bits, as `reduce_range` says, which no AVX2 sum of two products overflows."""

    def __init__(self, weight, bias):
        scale = float(weight.abs().max()) / 127
        packed = torch.quantize_per_tensor(weight, scale, 0, torch.qint8)
        self.packed = torch.ops.quantized.linear_prepack(packed, bias)

    def __call__(self, x):
        return torch.ops.quantized.linear_dynamic(x, self.packed, True)  # noqa: FBT003  (by position: a schema)

    def dtype(self):
        """Of the weights inside the packed layer: `qint8`."""
        weight, _ = torch.ops.quantized.linear_unpack(self.packed)
        return str(weight.dtype).replace("torch.", "")


def seen(operators, tensors, outputs, walk):
    """The dtypes of floating point among the inputs and results of every operator in one step: `bfloat16`.

    An operator of PyTorch refuses two types at once but for scalars, so what a result has its operands had.
    """
    found = set()

    def noting(function):
        def noted(*given):
            result = function(*given)
            parts = result if isinstance(result, (list, tuple)) else [result]
            for each in list(given) + list(parts):
                if torch.is_tensor(each) and each.is_floating_point() and each.dim():
                    found.add(str(each.dtype).replace("torch.", ""))
            return result

        return noted

    with torch.no_grad():
        walk([(node, noting(function)) for node, function in operators], tensors, outputs)
    return found
