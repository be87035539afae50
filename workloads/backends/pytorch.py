"""How does PyTorch run a network, eagerly, from 1.13 to 2.x?"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import ctypes
import os
import re

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.evidence import libraries
from workloads.weights import LEARNT


class Backend(base.Backend):
    """Eager mode: `default` keeps images as NCHW, `channels_last` stores them as NHWC, as its documentation advises.

    `autograd` records what gradients need, as published inference scripts did by mistake: no row has it of its own.
    """

    name = "pytorch"
    module = "torch"
    modes = ("default", "channels_last", "autograd")
    devices = ("cpu", "cuda")
    batch_statistics = True

    def configure(self):
        self.place = torch.device("cuda:0" if self.device == "cuda" else "cpu")
        if self.device == "cuda":
            if not torch.cuda.is_available():
                raise RuntimeError("torch.cuda.is_available() is False; built for CUDA {0}".format(torch.version.cuda))
            torch.backends.cudnn.allow_tf32 = False  # its own default lets convolutions round to 10 bits of mantissa
        torch.set_num_threads(self.threads)
        try:
            torch.set_num_interop_threads(1)
        except RuntimeError:
            pass  # once per process; pools() reads back what holds
        torch.set_grad_enabled(self.execution == "autograd")
        torch.set_float32_matmul_precision("highest")
        if self.onednn in ("on", "off"):
            # Not torch.backends.mkldnn.flags(...): its effect ends with the object. onednn_state() reads it back.
            torch._C._set_mkldnn_enabled(self.onednn == "on")  # noqa: SLF001

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.made = self.operators(nodes, weights)

    def load(self, arrays):
        self.tensors = {name: self._place(torch.from_numpy(array)) for name, array in arrays.items()}

    def step(self):
        with torch.inference_mode(self.execution != "autograd"):
            self.result = self.walk(self.made, self.tensors, self.outputs)

    def fetch(self):
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.result.items()}

    def _place(self, tensor):
        tensor = tensor.to(self.place)
        if self.execution == "channels_last" and tensor.dim() == 4:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _weights(self, weights):
        placed = {key: self._place(torch.from_numpy(array)) for key, array in weights.items()}
        return {
            key: tensor.requires_grad_(self.execution == "autograd" and key in LEARNT) for key, tensor in placed.items()
        }

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return torch.__version__

    def build_string(self):
        return torch.__config__.show() + torch.__config__.parallel_info()

    def pools(self):
        found = {"intra-op": torch.get_num_threads(), "inter-op": torch.get_num_interop_threads()}
        mkl = re.search(r"mkl_get_max_threads\(\) : (\d+)", torch.__config__.parallel_info())
        if mkl:
            found["mkl"] = int(mkl.group(1))
        return found

    def isa_used(self):
        if hasattr(torch.backends, "cpu"):
            return "ATen " + torch.backends.cpu.get_cpu_capability()
        found = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
        return "ATen " + found.group(1) if found else None

    def precision(self):
        # "high" and "medium" let a product be computed in TF32 or bfloat16.
        allowed = torch.get_float32_matmul_precision()
        if allowed != "highest":
            return "float32, products {0}".format(allowed)
        return "float32" if self._tf32() == "off" else "float32, convolutions tf32"

    def _tf32(self):
        allowed = torch.get_float32_matmul_precision() != "highest"
        if self.device == "cuda":
            allowed = allowed or torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
        return "allowed" if allowed else "off"

    def placement(self):
        return ", ".join(sorted({str(tensor.device) for tensor in self.result.values()}))

    def arithmetic(self):
        recorded = any(tensor.requires_grad or tensor.grad_fn is not None for tensor in self.result.values())
        return {
            "gradients": "on" if recorded else "off",
            "tf32": self._tf32(),
        }

    def onednn_state(self):
        if not torch.backends.mkldnn.is_available():
            return ("absent", None, "torch.backends.mkldnn.is_available() is False")
        found = re.search(r"MKL-DNN v(\S+)", torch.__config__.show())
        enabled = torch._C._get_mkldnn_enabled()  # noqa: SLF001
        return ("on" if enabled else "off", found.group(1) if found else None, "torch._C._get_mkldnn_enabled()")

    def static_libraries(self):
        """MKL and oneDNN inside libtorch_cpu.so: PyPI's wheels link both statically, Debian's package neither."""
        path = os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cpu.so")
        config = torch.__config__.show()
        found = []
        if os.path.exists(path):
            library = ctypes.CDLL(path)
            if hasattr(library, "MKL_Get_Version_String"):
                how = "libtorch_cpu.so exports MKL_Get_Version_String"
                entry = {"kind": "blas", "name": "mkl", "path": path, "how": how}
                entry.update(libraries.read_mkl(library))
                found.append(entry)
            state, version, _ = self.onednn_state()
            if state != "absent" and not mapped("libdnnl"):
                how = "torch.__config__ names MKL-DNN and no libdnnl is mapped"
                found.append({"kind": "onednn", "name": "onednn", "path": path, "version": version, "how": how})
        if not any(entry["name"] == "mkl" for entry in found) and "BLAS_INFO=mkl" in config:
            found.append({"kind": "blas", "name": "mkl", "how": "torch.__config__ says BLAS_INFO=mkl"})
        return found

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = self._weights(weights)
        weight, bias = w["W"], w.get("B")
        stride = tuple(node.attrs.get("strides", (1, 1)))
        dilation = tuple(node.attrs.get("dilations", (1, 1)))
        group = node.attrs.get("group", 1)
        before, padding = split_pads(node)
        if before is None:
            return lambda x: F.conv2d(x, weight, bias, stride, padding, dilation, group)
        return lambda x: F.conv2d(F.pad(x, before), weight, bias, stride, 0, dilation, group)

    def BatchNormalization(self, node, weights):
        w = self._weights(weights)
        scale, shift, mean, var = w["scale"], w["B"], w["mean"], w["var"]
        epsilon = node.attrs.get("epsilon", 1e-5)
        if node.attrs.get("training_mode", 0):  # without running statistics: it would update them in place
            return lambda x: F.batch_norm(x, None, None, scale, shift, training=True, eps=epsilon)
        return lambda x: F.batch_norm(x, mean, var, scale, shift, training=False, eps=epsilon)

    def Constant(self, node, weights):
        value = torch.tensor(node.attrs["value_float"], device=self.place)
        return lambda: value

    def Div(self, node, weights):
        return torch.div

    def Relu(self, node, weights):
        return F.relu

    def MaxPool(self, node, weights):
        kernel, stride, padding, ceil = self._pool(node)
        return lambda x: F.max_pool2d(x, kernel, stride, padding, 1, ceil)

    def AveragePool(self, node, weights):
        kernel, stride, padding, ceil = self._pool(node)
        count = bool(node.attrs.get("count_include_pad", 0))
        return lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil, count)

    def _pool(self, node):
        before, padding = split_pads(node)
        if before is not None or list(node.attrs.get("dilations", (1, 1))) != [1, 1]:
            raise Unsupported("{0}: pool with uneven pads or dilations".format(node.name))
        kernel = tuple(node.attrs["kernel_shape"])
        return kernel, tuple(node.attrs.get("strides", (1, 1))), padding, bool(node.attrs.get("ceil_mode", 0))

    def GlobalAveragePool(self, node, weights):
        return lambda x: F.adaptive_avg_pool2d(x, 1)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))
        return lambda x: torch.flatten(x, 1)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        w = self._weights(weights)
        weight, bias = w["B"], w.get("C")
        if not node.attrs.get("transB", 0):
            weight = weight.t().contiguous()
        return lambda x: F.linear(x, weight, bias)

    def MatMul(self, node, weights):
        return torch.matmul

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: F.softmax(x, axis)


def split_pads(node):
    """(what F.pad must add first or None, padding of the operator): ONNX has [top, left, bottom, right]."""
    top, left, bottom, right = node.attrs.get("pads", (0, 0, 0, 0))
    if (top, left) == (bottom, right):
        return None, (top, left)
    return (left, right, top, bottom), (0, 0)


def mapped(stem):
    """Whether a file whose name begins so is mapped into this process."""
    from workloads.evidence import maps  # noqa: PLC0415

    return any(os.path.basename(path).startswith(stem) for path in maps.read_maps())
