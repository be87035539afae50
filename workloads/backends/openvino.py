"""How does OpenVINO run a network? A graph of its own operators, compiled for its CPU plug-in in float32."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import re
from collections import Counter

import numpy as np
import openvino
from openvino import opset13 as ops

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.openvino_sequence import Sequence
from workloads.backends.openvino_transformer import Transformer

HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
"""dtype -> INFERENCE_PRECISION_HINT: weights and activations are converted inside the compiled graph."""

PRODUCTS = ("Convolution", "GroupConvolution", "FullyConnected", "MatMul", "RNNSeq")
"""Layer types of the compiled graph whose kernels decide what the arithmetic was and whose library did it. RNNSeq is
oneDNN's RNN primitive; a sequence whose lengths are an input becomes a loop of cells, a TensorIterator."""


class Backend(Transformer, Sequence, base.Backend):
    """In float32: left alone, OpenVINO takes bfloat16 on a CPU that has it.

    `default` is the hint LATENCY with one stream and one request that has all threads. `throughput` is the hint
    THROUGHPUT, whose streams share the threads: a step divides the batch among as many requests as there are streams,
    starts all of them and waits for all. With one thread there is one stream, and only the hint differs.
    """

    name = "openvino"
    modes = ("default", "throughput")
    dtypes = tuple(HINTS)
    lacking = {"int8": "OpenVINO computes in it what a calibrated model marks, and has no way to quantise as it runs"}

    def configure(self):
        self.core = openvino.Core()
        self.settings = {
            "INFERENCE_PRECISION_HINT": HINTS[self.computes_in],
            "INFERENCE_NUM_THREADS": str(self.threads),
            "PERFORMANCE_HINT": "LATENCY" if self.execution == "default" else "THROUGHPUT",
            "ENABLE_CPU_PINNING": "NO",  # the host has pinned the process
        }
        if self.execution == "default":
            self.settings["NUM_STREAMS"] = "1"

    def build(self, nodes, weights, inputs, outputs):
        integers = base.integer_inputs(nodes)
        types = {name: np.int64 if name in integers else np.float32 for name in inputs}
        parameters = {name: ops.parameter(shape, types[name], name) for name, shape in inputs.items()}
        self.outputs = list(outputs)
        made = self.walk(self.operators(nodes, weights), parameters, outputs)
        model = openvino.Model([ops.result(made[name]) for name in outputs], list(parameters.values()), "network")
        self.compiled = self.core.compile_model(model, "CPU", self.settings)
        self._check_hint()
        self.positions = {name: i for i, name in enumerate(inputs)}
        streams = self._streams()
        if streams > 1:
            self._divide(model, inputs, streams)
            return
        self.request = self.compiled.create_infer_request()

    def _check_hint(self):
        """Raise Unsupported where the plug-in did not take the type that it was told to."""
        taken = self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if taken != HINTS[self.computes_in]:
            text = "dtype {0!r}: told so, the plug-in computes in {1} on this CPU"
            raise Unsupported(text.format(self.computes_in, taken))

    def _divide(self, model, inputs, streams):
        """Compile for a share of the batch, with one request per stream."""
        shapes = [list(shape) for shape in inputs.values()]
        if len(shapes) > 1 or shapes[0][0] % streams:
            reason = "mode 'throughput': inputs {0} cannot be divided among {1} streams"
            raise Unsupported(reason.format(dict(inputs), streams))
        model.reshape([shapes[0][0] // streams] + shapes[0][1:])
        self.compiled = self.core.compile_model(model, "CPU", dict(self.settings, NUM_STREAMS=str(streams)))
        self.requests = [self.compiled.create_infer_request() for _ in range(streams)]
        self.load, self.step, self.fetch = self._load_parts, self._step_parts, self._fetch_parts

    def _load_parts(self, arrays):
        (whole,) = arrays.values()
        self.arrays = np.split(np.ascontiguousarray(whole), len(self.requests))
        for request, part in zip(self.requests, self.arrays):  # noqa: B905
            request.set_input_tensor(0, openvino.Tensor(part, shared_memory=True))

    def _step_parts(self):
        for request in self.requests:
            request.start_async(share_inputs=True)

    def _fetch_parts(self):
        for request in self.requests:
            request.wait()
        found = {}
        for i, name in enumerate(self.outputs):
            found[name] = np.concatenate([request.get_output_tensor(i).data for request in self.requests])
        return found

    def _streams(self):
        return int(self.compiled.get_property("NUM_STREAMS"))

    def load(self, arrays):
        self.arrays = {
            name: np.ascontiguousarray(array) for name, array in arrays.items()
        }  # a Tensor keeps no reference
        for name, array in self.arrays.items():
            self.request.set_input_tensor(self.positions[name], openvino.Tensor(array, shared_memory=True))

    def step(self):
        self.request.infer(share_outputs=True)

    def fetch(self):
        return {name: self.request.get_output_tensor(i).data for i, name in enumerate(self.outputs)}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return openvino.__version__.split("-")[0]

    def build_string(self):
        plugin = self.core.get_versions("CPU")["CPU"]
        read = (
            "INFERENCE_PRECISION_HINT",
            "EXECUTION_MODE_HINT",
            "PERFORMANCE_HINT",
            "NUM_STREAMS",
            "ENABLE_CPU_PINNING",
        )
        settings = ", ".join("{0}={1}".format(name, self.compiled.get_property(name)) for name in read)
        return "{0} {1}; {2}; layers: {3}".format(plugin.description, plugin.build_number, settings, self._primitives())

    def pools(self):
        return {"inference": int(self.compiled.get_property("INFERENCE_NUM_THREADS"))}

    def execution_state(self):
        hint = self.compiled.get_property("PERFORMANCE_HINT")
        hint = str(getattr(hint, "name", hint)).rpartition(".")[2]
        how = "of the compiled model: PERFORMANCE_HINT {0}, NUM_STREAMS {1}".format(hint, self._streams())
        return ({"LATENCY": "default", "THROUGHPUT": "throughput"}.get(hint), how)

    def isa_used(self):
        """The widest that a kernel's name tells: `brgconv_avx512_f32` -> `avx512`."""
        names = " ".join(layer["primitiveType"] for layer in self._layers())
        found = re.findall(r"avx512_core_amx|avx512|avx2|avx|sse42|sse41", names)
        order = ("avx512_core_amx", "avx512", "avx2", "avx", "sse42", "sse41")
        return min(found, key=order.index) if found else None

    def precision(self):
        used = sorted({layer["runtimePrecision"] for layer in self._products()})
        used = used or [self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()]
        names = {hint: dtype for dtype, hint in HINTS.items()}
        return ", ".join(names.get(name, name) for name in used)

    def static_libraries(self):
        how = "kernels of the compiled graph: {0}".format(self._primitives())
        names = sorted({library(layer) for layer in self._products()})
        made = [{"kind": "blas", "name": name, "version": None, "how": how} for name in names]
        return made + [{"kind": "onednn", "name": "onednn", "version": None, "how": how}]

    def onednn_state(self):
        libraries = Counter(library(layer) for layer in self._products())
        reason = "{0} of {1} products and convolutions in oneDNN: {2}"
        reason = reason.format(libraries["onednn"], sum(libraries.values()), self._primitives())
        if not libraries["onednn"] and any(layer["layerType"] == "TensorIterator" for layer in self._layers()):
            return ("unknown", None, reason + "; what runs inside the loop over the steps is not shown")
        return ("on" if libraries["onednn"] else "off", None, reason)

    def _layers(self):
        """[{"layerType", "primitiveType", "runtimePrecision"}] of the graph that the plug-in executes."""
        keys = ("layerType", "primitiveType", "runtimePrecision")
        graph = self.compiled.get_runtime_model().get_ordered_ops()
        return [{key: str(op.rt_info[key].value) if key in op.rt_info else "" for key in keys} for op in graph]

    def _products(self):
        return [layer for layer in self._layers() if layer["layerType"] in PRODUCTS]

    def _primitives(self):
        """`Convolution brgconv_avx512_f32 x13, ...`, without the layers that only rename or hold data."""
        names = ["{layerType} {primitiveType}".format(**layer) for layer in self._layers()]
        counts = Counter(name for name in names if " unknown" not in name and not name.endswith(" "))
        return ", ".join("{0} x{1}".format(name, count) for name, count in sorted(counts.items()))

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = weights["W"]
        group = node.attrs.get("group", 1)
        strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
        pads = node.attrs.get("pads", [0, 0, 0, 0])
        if group == 1:
            kernel, convolve = constant(w), ops.convolution
        else:
            kernel, convolve = constant(w.reshape((group, -1) + w.shape[1:])), ops.group_convolution
        bias = constant(weights["B"].reshape(1, -1, 1, 1)) if "B" in weights else None

        def conv(x):
            y = convolve(x, kernel, strides, pads[:2], pads[2:], dilations)
            return y if bias is None else ops.add(y, bias)

        return conv

    def BatchNormalization(self, node, weights):
        args = [constant(weights[key]) for key in ("scale", "B", "mean", "var")]
        return lambda x: ops.batch_norm_inference(x, *args, node.attrs.get("epsilon", 1e-5))

    def Relu(self, node, weights):
        return ops.relu

    def MaxPool(self, node, weights):
        kernel, strides, pads = pool_geometry(node)
        return lambda x: ops.max_pool(x, strides, [1, 1], pads[:2], pads[2:], kernel).output(0)

    def AveragePool(self, node, weights):
        kernel, strides, pads = pool_geometry(node)
        exclude = not node.attrs.get("count_include_pad", 0)
        return lambda x: ops.avg_pool(x, strides, pads[:2], pads[2:], kernel, exclude)

    def GlobalAveragePool(self, node, weights):
        return lambda x: ops.reduce_mean(x, constant(np.array([2, 3])), keep_dims=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))
        return lambda x: ops.reshape(x, constant(np.array([0, -1])), special_zero=True)  # 0: the batch as it is

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b, transposed = constant(weights["B"]), bool(node.attrs.get("transB", 0))
        if "C" not in weights:
            return lambda x: ops.matmul(x, b, transpose_a=False, transpose_b=transposed)
        c = constant(weights["C"])
        return lambda x: ops.add(ops.matmul(x, b, transpose_a=False, transpose_b=transposed), c)

    def MatMul(self, node, weights):
        return lambda a, b: ops.matmul(a, b, transpose_a=False, transpose_b=False)

    def Add(self, node, weights):
        return ops.add

    def Mul(self, node, weights):
        return ops.multiply

    def Concat(self, node, weights):
        return lambda *tensors: ops.concat(list(tensors), node.attrs["axis"])

    def Clip(self, node, weights):
        return lambda x: ops.clamp(x, node.attrs["min"], node.attrs["max"])

    def Sigmoid(self, node, weights):
        return ops.sigmoid

    def LRN(self, node, weights):
        attrs = node.attrs
        axes = ops.constant(np.array([1], np.int64))
        alpha, beta, bias = attrs.get("alpha", 1e-4), attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return lambda x: ops.lrn(x, axes, alpha, beta, bias, attrs["size"])

    def Softmax(self, node, weights):
        return lambda x: ops.softmax(x, node.attrs.get("axis", -1))


def library(layer):
    """Whose kernel a product or convolution runs in: the plug-in carries oneDNN and MLAS."""
    return "mlas" if "mlas" in layer["primitiveType"] else "onednn"


def constant(array):
    """A constant over the array's own memory: compiling repacks the weights, a copy before that is for nothing."""
    return ops.constant(array, shared_memory=True)


def pool_geometry(node):
    """(kernel, strides, pads) of a pool."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    return node.attrs["kernel_shape"], node.attrs.get("strides", [1, 1]), node.attrs.get("pads", [0, 0, 0, 0])
