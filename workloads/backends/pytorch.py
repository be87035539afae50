"""How does PyTorch run a network, from 1.0 to 2.x: eagerly, traced or compiled?"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os
import re

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)

from workloads import folded
from workloads.backends import base, pytorch_dtypes
from workloads.backends.base import Unsupported
from workloads.backends.pytorch_sequence import Sequence
from workloads.backends.pytorch_transformer import Transformer
from workloads.evidence import mkl, symbols
from workloads.weights import LEARNT

LIBRARIES = ("libtorch_cpu.so", "libcaffe2.so", "libtorch.so")
"""Where the CPU's operators are: since 1.5, before 1.2, and between."""


class Backend(Transformer, Sequence, base.Backend):
    """Eager mode: `default` keeps images as NCHW, `channels_last` stores them as NHWC, as its documentation advises.

    `jit` traces the network, freezes the trace and optimises it for inference, as far as the version can; `compile` has
    Inductor write C++ for it. `autograd` is eager mode without `no_grad`: it records what gradients need, as published
    inference scripts did by mistake.
    """

    name = "pytorch"
    module = "torch"
    devices = ("cpu", "cuda")
    modes = ("default", "channels_last", "jit", "compile", "autograd")
    dtypes = ("float32", "bfloat16", "float16", "int8")
    batch_statistics = True
    differentiates = True
    trains = True
    learnt = None  # name -> tensor, where gradients are asked for
    running = None  # name -> running mean or variance, where it is trained
    in_place = frozenset()  # ReLUs that write over their input
    owners = {}  # id of a weight's array -> name, then
    listens_at_start = not hasattr(torch._C, "_verbose")  # noqa: SLF001  (before 1.13)

    def configure(self):
        self.images = []
        self.quantised = []
        self.type = pytorch_dtypes.TYPES.get(self.computes_in, torch.float32)
        self.place = torch.device("cuda:0" if self.device == "cuda" else "cpu")
        if self.device == "cuda":
            if not torch.cuda.is_available():
                raise RuntimeError("torch.cuda.is_available() is False; built for CUDA {0}".format(torch.version.cuda))
            torch.backends.cudnn.allow_tf32 = False  # its own default lets convolutions round to 10 bits of mantissa

        needs = {"channels_last": (torch, "channels_last"), "jit": (torch, "jit"), "compile": (torch, "compile")}
        if self.execution in needs and not hasattr(*needs[self.execution]):
            raise Unsupported("mode {0!r}: PyTorch {1} has no such thing".format(self.execution, torch.__version__))
        torch.set_num_threads(self.threads)
        try:
            if hasattr(torch, "set_num_interop_threads") and torch.get_num_interop_threads() != 1:  # since 1.2
                torch.set_num_interop_threads(1)
        except RuntimeError:
            pass  # once per process; pools() reads back what holds
        torch.set_grad_enabled(self.execution == "autograd")
        if hasattr(torch, "set_float32_matmul_precision"):  # since 1.12; float32 was float32 before
            torch.set_float32_matmul_precision("highest")
        if self.onednn in ("on", "off") and hasattr(torch._C, "_set_mkldnn_enabled"):  # noqa: SLF001
            # Not torch.backends.mkldnn.flags(...): its effect ends with the object. onednn_state() reads it back.
            torch._C._set_mkldnn_enabled(self.onednn == "on")  # noqa: SLF001

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.names = sorted(inputs)
        pytorch_dtypes.check(self.computes_in, self.execution, nodes)
        if self.execution in ("default", "channels_last"):
            self.in_place = folded.overwriting(nodes, outputs)
        net = Network(self, self.operators(nodes, weights), self.names)
        shapes = [tuple(shape) for shape in inputs.values()] + [tuple(kernel.shape) for kernel in self.images]
        if self.execution == "channels_last" and not any(len(s) == 4 and s[1] > 1 < s[2] * s[3] for s in shapes):
            raise Unsupported("mode 'channels_last': no image or kernel of this network has another order in it")
        if self.execution == "jit":
            net = traced(net, example(nodes, inputs, self.names), self.onednn)
        elif self.execution == "compile":
            net = compiled(net)
        self.net = net

    def build_gradient(self, nodes, weights, inputs, loss):
        self._learn(nodes, weights, inputs, loss)
        self.step = self._differentiate

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self.running = {}
        self._learn(nodes, weights, inputs, loss)
        learnt = list(self.learnt.values())
        if optimizer.name == "sgd":
            self.optimizer = torch.optim.SGD(learnt, optimizer.learning_rate, optimizer.momentum)
        else:
            betas = (optimizer.beta1, optimizer.beta2)
            self.optimizer = torch.optim.Adam(learnt, optimizer.learning_rate, betas, optimizer.epsilon)
        self.step = self._train

    def _learn(self, nodes, weights, inputs, loss):
        if self.execution not in ("default", "channels_last"):
            raise Unsupported("mode {0!r}: gradients are those of eager mode".format(self.execution))
        self.learnt = {}
        self.owners = base.owners(weights)
        torch.set_grad_enabled(True)
        self.build(nodes, weights, inputs, [loss.output])
        self.loss = {"cross_entropy": F.cross_entropy, "mean_squared_error": F.mse_loss}[loss.name]
        self.fetch = self._fetch_loss

    def load_targets(self, targets):
        self.targets = torch.from_numpy(targets).to(self.place)

    def _differentiate(self):
        loss = self.loss(self.net(*self.tensors)[0], self.targets)
        self.found = torch.autograd.grad(loss, list(self.learnt.values()))
        self.result = (loss,)

    def _train(self):
        self.optimizer.zero_grad()
        loss = self.loss(self.net(*self.tensors)[0], self.targets)
        loss.backward()
        self.optimizer.step()
        self.result = (loss,)

    def trained(self):
        now = dict(self.learnt, **self.running)
        return self.in_onnx_layout({name: tensor.detach().cpu().numpy() for name, tensor in now.items()})

    def _fetch_loss(self):
        return {"loss": self.result[0].detach().cpu().numpy().reshape(1)}

    def gradients(self):
        found = {name: tensor.cpu().numpy() for name, tensor in zip(self.learnt, self.found)}  # noqa: B905
        return self.in_onnx_layout(found)

    def load(self, arrays):
        self.tensors = [self._place(torch.from_numpy(arrays[name])) for name in self.names]

    def step(self):
        with recording(self.execution == "autograd"):
            result = self.net(*self.tensors)
        self.result = result if isinstance(result, tuple) else (result,)  # what a trace of 1.0 makes of a tuple of one

    def fetch(self):
        if self.type is not torch.float32:
            self.result = tuple(tensor.float() for tensor in self.result)

        return {name: tensor.detach().cpu().numpy() for name, tensor in zip(self.outputs, self.result)}  # noqa: B905

    def _place(self, tensor):
        tensor = tensor.to(self.place)
        if self.type is not torch.float32 and tensor.is_floating_point():
            tensor = tensor.to(self.type)
        if self.execution == "channels_last" and tensor.dim() == 4:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _weights(self, weights):
        names = {key: self.owners.get(id(array)) for key, array in weights.items()}
        return {key: self._weight(names[key], array, learnt=key in LEARNT) for key, array in weights.items()}

    def _weight(self, name, array, *, learnt):
        """The tensor; where gradients are asked for, it is found again under its name."""
        tensor = self._place(torch.from_numpy(array))
        if tensor.dim() == 4:
            self.images.append(tensor)
        tensor.requires_grad_((self.learnt is not None or self.execution == "autograd") and learnt)
        if self.learnt is not None and learnt:
            self.learnt[name] = tensor
        return tensor

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return torch.__version__

    def build_string(self):
        if not hasattr(torch, "__config__"):
            told = sorted((name, value) for name, value in vars(torch.version).items() if name[:1] != "_")
            return ", ".join("{0} {1}".format(name, value) for name, value in told)
        return configuration() + torch.__config__.parallel_info()

    def pools(self):
        if not hasattr(torch, "__config__"):
            return {}  # 1.0 says 1 whatever was set; its OpenMP runtime, among the libraries, says what holds
        found = {"intra-op": torch.get_num_threads(), "inter-op": torch.get_num_interop_threads()}
        mkl = re.search(r"mkl_get_max_threads\(\) : (\d+)", torch.__config__.parallel_info())
        if mkl:
            found["mkl"] = int(mkl.group(1))
        return found

    def isa_used(self):
        if hasattr(torch.backends, "cpu"):
            return "ATen " + torch.backends.cpu.get_cpu_capability()
        found = re.search(r"CPU capability usage: (\S+)", configuration())
        return "ATen " + found.group(1) if found else None

    def precision(self):
        if self.computes_in != "float32":
            return self._narrow_precision()
        # "high" and "medium" let a product be computed in TF32 or bfloat16.
        allowed = matmul_precision()
        if allowed != "highest":
            return "float32, products {0}".format(allowed)
        return "float32" if self._tf32() == "off" else "float32, convolutions tf32"

    def _narrow_precision(self):
        if self.computes_in == "int8":
            return "int8" if {each.dtype() for each in self.quantised} == {"qint8"} else "float32"
        given = dict(zip(self.names, self.tensors))  # noqa: B905
        return ", ".join(sorted(pytorch_dtypes.seen(self.net.made, given, self.outputs, self.walk))) or "unknown"

    def _tf32(self):
        allowed = matmul_precision() != "highest"
        if self.device == "cuda":
            allowed = allowed or torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
        return "allowed" if allowed else "off"

    def placement(self):
        return ", ".join(sorted({str(tensor.device) for tensor in self._results()}))

    def _results(self):
        # Keras, which computes in this framework, hands over what its model gave: by name.
        return self.result.values() if isinstance(self.result, dict) else self.result

    def execution_state(self):
        if self.execution == "compile":
            return dynamo_state()
        if isinstance(self.net, torch.jit.ScriptModule):
            left = len(list(self.net.parameters()))
            return ("jit", "{0}, {1} parameters outside its graph".format(type(self.net).__name__, left))
        images = self.images + [tensor for tensor in self.tensors if tensor.dim() == 4]
        turned = sum(1 for tensor in images if not tensor.is_contiguous())
        how = "a module in Python, {0} of {1} images and kernels stored as NHWC".format(turned, len(images))
        if self.learnt is None and self._recorded():
            return ("autograd", how + ", the output has a grad_fn")
        return ("channels_last" if turned else "default", how)

    def _recorded(self):
        return any(tensor.requires_grad or tensor.grad_fn is not None for tensor in self._results())

    def arithmetic(self):
        return {
            "gradients": "on" if self._recorded() else "off",
            "tf32": self._tf32(),
        }

    def onednn_state(self):
        if not has_onednn():
            return ("absent", None, "this build has no MKL-DNN")
        found = re.search(r"MKL-DNN v(\S+)", configuration())
        version = found.group(1) if found else None
        if not hasattr(torch._C, "_get_mkldnn_enabled"):  # noqa: SLF001
            return ("on", version, "it is there, and this version has no switch")
        enabled = torch._C._get_mkldnn_enabled()  # noqa: SLF001
        return ("on" if enabled else "off", version, "torch._C._get_mkldnn_enabled()")

    def static_libraries(self):
        """MKL and oneDNN inside torch's own library: PyPI's wheels link both statically, Debian's package neither."""
        found = []
        for path in (os.path.join(os.path.dirname(torch.__file__), "lib", name) for name in LIBRARIES):
            if symbols.open_mapped(path) is None:
                continue
            inside = mkl.static(path, self.said)
            found.extend([inside] if inside else [])
            state, version, how = self.onednn_state()
            if state != "absent" and not mapped("libdnnl") and not mapped("libmkldnn"):
                how = "{0}, and no file of oneDNN's own is mapped".format(how)
                found.append({"kind": "onednn", "name": "onednn", "path": path, "version": version, "how": how})
            break
        if not any(entry["name"] == "mkl" for entry in found) and "BLAS_INFO=mkl" in configuration():
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
        if node.attrs.get("training_mode", 0) and self.running is None:  # it would update them in place
            return lambda x: F.batch_norm(x, None, None, scale, shift, training=True, eps=epsilon)
        if node.attrs.get("training_mode", 0):
            self.running.update({node.name + ".mean": mean, node.name + ".var": var})
            rate = 1 - node.attrs.get("momentum", 0.9)
            return lambda x: F.batch_norm(x, mean, var, scale, shift, training=True, momentum=rate, eps=epsilon)
        return lambda x: F.batch_norm(x, mean, var, scale, shift, training=False, eps=epsilon)

    def Constant(self, node, weights):
        value = torch.tensor(node.attrs["value_float"], device=self.place)
        return lambda: value

    def Div(self, node, weights):
        return torch.div

    def Relu(self, node, weights):
        return torch.relu_ if node.name in self.in_place else F.relu

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
        if self.computes_in == "int8":
            self.quantised.append(pytorch_dtypes.Dynamic(weight, bias))
            return self.quantised[-1]
        return lambda x: F.linear(x, weight, bias)

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = self._weights(weights)["data"]
        return lambda rows: F.embedding(rows, data)

    def MatMul(self, node, weights):
        return torch.matmul

    def Add(self, node, weights):
        return torch.add

    def Mul(self, node, weights):
        return torch.mul

    def Concat(self, node, weights):
        axis = node.attrs["axis"]
        return lambda *tensors: torch.cat(tensors, axis)

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        return F.relu6 if (low, high) == (0, 6) else lambda x: torch.clamp(x, low, high)

    def Sigmoid(self, node, weights):
        return torch.sigmoid

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        alpha, beta, bias = attrs.get("alpha", 1e-4), attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return lambda x: F.local_response_norm(x, size, alpha, beta, bias)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: F.softmax(x, axis)


class Network(torch.nn.Module):
    """The network as a module: its inputs in the order of their names to a tuple of its outputs."""

    def __init__(self, backend, operators, names):
        super(Network, self).__init__()
        self.walk = backend.walk
        self.made = operators
        self.names = names
        self.outputs = backend.outputs

    def forward(self, *tensors):
        found = self.walk(self.made, dict(zip(self.names, tensors)), self.outputs)  # noqa: B905
        return tuple(found[name] for name in self.outputs)


class Listed(torch.nn.Module):
    """A network that takes its inputs as one list: torch.fx cannot trace how `*tensors` are taken apart."""

    def __init__(self, net):
        super(Listed, self).__init__()
        self.net = net

    def forward(self, tensors):
        return self.net(*[tensors[index] for index in range(len(self.net.names))])


def example(nodes, inputs, names):
    """Tensors to trace a network with, in the order of `names`; ones, as no length may be 0."""
    integers = base.integer_inputs(nodes)
    return [torch.ones(inputs[name], dtype=torch.int64 if name in integers else torch.float32) for name in names]


def traced(net, tensors, onednn):
    """The network as TorchScript: traced, then frozen and optimised as far as this version can.

    Freezing folds batch norms into convolutions; optimize_for_inference moves operators to oneDNN, so only where that
    is on. Of itself neither changes in which library a product runs.
    """
    with torch.no_grad():
        script = torch.jit.trace(net.eval(), tuple(tensors), check_trace=False)
        if hasattr(torch.jit, "freeze"):  # since 1.7
            script = torch.jit.freeze(script.eval())
        if hasattr(torch.jit, "optimize_for_inference") and onednn == "on":  # since 1.10
            script = torch.jit.optimize_for_inference(script)
    return script


def compiled(net):
    """The network as Inductor compiles it at the first call, weights frozen into it as its guide for CPUs advises."""
    import torch._inductor.config as inductor  # noqa: PLC0415
    from torch import fx  # noqa: PLC0415

    inductor.freezing = True
    # A trace by torch.fx makes buffers of the weights that our operators hold: only those can be frozen.
    optimised = torch.compile(fx.symbolic_trace(Listed(net)).eval(), dynamic=False)
    return lambda *tensors: optimised(list(tensors))


def dynamo_state():
    """("compile", how) where Dynamo handed a graph to Inductor in this process."""
    from torch._dynamo.utils import counters  # noqa: PLC0415

    graphs, breaks = counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())
    how = "Dynamo's counters: {0} graph with {1} calls, {2} graph breaks"
    return ("compile" if graphs else "default", how.format(graphs, counters["stats"]["calls_captured"], breaks))


def recording(wanted):
    """A context in which gradients are recorded or not; inference mode, where there is one, drops versions as well."""
    if hasattr(torch, "inference_mode"):  # since 1.9
        return torch.inference_mode(not wanted)
    return torch.enable_grad() if wanted else torch.no_grad()


def configuration():
    """What torch says of its build, or nothing before 1.2."""
    return torch.__config__.show() if hasattr(torch, "__config__") else ""


def matmul_precision():
    """`highest` where a product of float32 is one: before 1.12 a CPU knew nothing else."""
    return torch.get_float32_matmul_precision() if hasattr(torch, "get_float32_matmul_precision") else "highest"


def has_onednn():
    """Whether oneDNN or MKL-DNN, as it was called, is in this build."""
    asked = getattr(getattr(torch.backends, "mkldnn", None), "is_available", None)
    return asked() if asked else mapped("libmkldnn")  # 1.0 brings it as a file of its own, and does not say so


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
