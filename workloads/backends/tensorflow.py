"""How does TensorFlow run a network? One `tf.function` over variables in NHWC, the layout its CPU kernels are written for."""

import os
import re
from collections import Counter

import numpy as np
import tensorflow as tf

from workloads.backends import base
from workloads.backends.base import Unsupported

FROM_NCHW = (0, 3, 1, 2)
"""Where an axis of NCHW lies in NHWC."""

COMPUTING = ("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative", "_FusedDepthwiseConv2dNative", "MatMul", "_FusedMatMul")
"""Operators of a graph that oneDNN's rewriting would have replaced."""


def conv_padding(node):
    """ONNX's pads as the `padding` of a convolution: a word where one says the same, otherwise pairs."""
    kernel, pads = node.attrs["kernel_shape"], list(node.attrs.get("pads", [0, 0, 0, 0]))
    before = [(k - 1) // 2 for k in kernel]
    same = before + [k - 1 - b for k, b in zip(kernel, before)]
    if node.attrs.get("strides", [1, 1]) == node.attrs.get("dilations", [1, 1]) == [1, 1] and pads == same:
        return "SAME"  # at a larger stride SAME pads [0, 0, 1, 1] where symmetric pads say [1, 1, 1, 1]
    return pairs(pads)


def pairs(pads):
    """[top, left, bottom, right] in NHWC, for each axis before and after; `VALID` where all are 0."""
    top, left, bottom, right = pads
    return [[0, 0], [top, bottom], [left, right], [0, 0]] if any(pads) else "VALID"


def pool_geometry(node):
    """(kernel, strides, padding) of a pool."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    return node.attrs["kernel_shape"], node.attrs.get("strides", [1, 1]), pairs(node.attrs.get("pads", [0, 0, 0, 0]))


def nhwc(shape):
    """The shape of an image batch with its channels last; any other shape as it is."""
    return [shape[0], shape[2], shape[3], shape[1]] if len(shape) == 4 else list(shape)


def variable(array):
    """A weight, as a layer would hold it."""
    return tf.Variable(array, trainable=False)


def depthwise(node, w):
    """The depthwise convolution with w [in, out / in, kh, kw]."""
    kernel, padding = variable(w.transpose(2, 3, 0, 1)), conv_padding(node)
    strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
    if strides[0] != strides[1]:
        raise Unsupported("{0}: depthwise_conv2d takes one stride for both axes".format(node.name))
    strides = [1, strides[0], strides[1], 1]
    if isinstance(padding, str):
        return lambda x: tf.nn.depthwise_conv2d(x, kernel, strides, padding, dilations=dilations)
    # A layer of its own for the pads, as Keras's MobileNet has it: with pairs, oneDNN's fused bias ends the process
    # (2.14 and 2.21: "Check failed: index >= 0 && index < num_total_dims" in tensor_format.h).
    return lambda x: tf.nn.depthwise_conv2d(tf.pad(x, padding), kernel, strides, "VALID", dilations=dilations)


def header_version(pattern, path):
    """`3.4.90` of the `#define`s in a header that the wheel carries, or None."""
    try:
        with open(os.path.join(tf.sysconfig.get_include(), path), encoding="utf-8") as file:
            return ".".join(re.findall(r"#define {0} (\d+)".format(pattern), file.read())) or None
    except OSError:
        return None


def eager_state():
    """The switch that TensorFlow reads TF_ENABLE_ONEDNN_OPTS into; eager mode has no graph to look at."""
    from tensorflow.python.util import _pywrap_util_port  # no public name has it

    state = "on" if _pywrap_util_port.IsMklEnabled() else "off"
    return state, "IsMklEnabled() of the running process; eager mode has no graph to look at"


class Backend(base.Backend):
    """`default` is the graph that `tf.function` makes, `eager` one kernel after the other, `xla` compiled as a whole."""

    name = "tensorflow"
    modes = ("default", "eager", "xla")

    def configure(self):
        tf.config.set_visible_devices([], "GPU")
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def build(self, nodes, weights, inputs, outputs):
        made = self.operators(nodes, weights)

        def network(*tensors):
            return self.walk(made, dict(zip(inputs, tensors)), outputs)

        self.network = network
        self.signature = [tf.TensorSpec(nhwc(shape), tf.float32, name) for name, shape in inputs.items()]
        if self.execution == "eager":
            self.function = network
        else:
            self.function = self._traced().get_concrete_function()

    def _traced(self):
        options = {"jit_compile": True} if self.execution == "xla" else {}
        return tf.function(self.network, input_signature=self.signature, **options)

    def load(self, arrays):
        transposed = [arrays[spec.name] for spec in self.signature]
        self.tensors = [tf.constant(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a) for a in transposed]

    def step(self):
        self.result = self.function(*self.tensors)

    def fetch(self):
        arrays = {name: tensor.numpy() for name, tensor in self.result.items()}
        return {name: a.transpose(0, 3, 1, 2) if a.ndim == 4 else a for name, a in arrays.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return tf.__version__

    def build_string(self):
        flags = " ".join(tf.sysconfig.get_compile_flags()[1:] + tf.sysconfig.get_link_flags()[1:])
        built = dict(tf.sysconfig.get_build_info())
        return "git {0}, compiler {1}, {2}, {3}".format(tf.version.GIT_VERSION, tf.version.COMPILER_VERSION, built, flags)

    def pools(self):
        return {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        }

    def static_libraries(self):
        how = "its headers are in the wheel's include folder; no shared library carries it"
        found = [("blas", "eigen", header_version("EIGEN_(?:WORLD|MAJOR|MINOR)_VERSION", "Eigen/src/Core/util/Macros.h"))]
        onednn = self._onednn_version()
        if onednn:
            found.append(("onednn", "onednn", onednn))
        return [{"kind": kind, "name": name, "version": version, "how": how} for kind, name, version in found]

    @staticmethod
    def _onednn_version():
        return header_version("DNNL_VERSION_(?:MAJOR|MINOR|PATCH)", "external/onednn/include/oneapi/dnnl/dnnl_version.h")

    def onednn_state(self):
        version = self._onednn_version()
        try:
            state, reason = {"default": self._graph_state, "eager": eager_state, "xla": self._xla_state}[self.execution]()
        except (ImportError, AttributeError, ValueError) as problem:
            return ("unknown", version, "TensorFlow does not show what it ran: {0}".format(problem))
        return (state, version, reason)

    def _graph_state(self):
        """oneDNN's kernels have names of their own (`_MklNativeFusedConv2D`) in the graph that is executed."""
        from tensorflow.python.eager import context  # no public name has it

        eager = context.context()
        eager.enable_graph_collection()  # asked when a function is instantiated: hence traced once more
        try:
            self._traced()(*self.tensors)
            graphs = eager.export_run_metadata().partition_graphs
        finally:
            eager.disable_graph_collection()
        ops = Counter(node.op for graph in graphs for node in graph.node if node.op in COMPUTING or node.op[:4] == "_Mkl")
        if not ops:
            return "unknown", "the executed graph shows no operator that could be oneDNN's"
        shown = ", ".join("{0} {1}".format(count, op) for op, count in sorted(ops.items()))
        if any(op.startswith("_Mkl") for op in ops):
            return "on", "operators of the executed graph: " + shown
        return "off", "operators of the executed graph: {0}; Eigen still packs into oneDNN's GEMM kernel".format(shown)

    def _xla_state(self):
        text = self._traced().experimental_get_compiler_ir(*self.tensors)(stage="optimized_hlo")
        calls = len(re.findall(r"__onednn\$", text))
        return ("on" if calls else "off"), "{0} __onednn$ calls in XLA's optimised HLO".format(calls)

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):  # noqa: N802  (ONNX's name)
        w, group = weights["W"], node.attrs.get("group", 1)
        if group > 1 and w.shape[1] == 1:
            convolved = depthwise(node, w.reshape((group, -1) + w.shape[2:]))
        else:
            kernel, padding = variable(w.transpose(2, 3, 1, 0)), conv_padding(node)
            strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])

            def convolved(x):
                return tf.nn.conv2d(x, kernel, strides, padding, dilations=dilations)

        if "B" not in weights:
            return convolved
        bias = variable(weights["B"])
        return lambda x: tf.nn.bias_add(convolved(x), bias)

    def BatchNormalization(self, node, weights):  # noqa: N802
        args = [variable(weights[key]) for key in ("scale", "B", "mean", "var")]
        epsilon = node.attrs.get("epsilon", 1e-5)
        fused = tf.compat.v1.nn.fused_batch_norm  # what Keras's layer calls; there is no fused one outside compat.v1
        return lambda x: fused(x, *args, epsilon=epsilon, is_training=False)[0]

    def Relu(self, node, weights):  # noqa: N802
        return tf.nn.relu

    def MaxPool(self, node, weights):  # noqa: N802
        kernel, strides, padding = pool_geometry(node)
        if self.execution == "xla" and padding != "VALID":  # "XLA does not support pooling ops with explicit padding"
            return lambda x: tf.nn.max_pool2d(tf.pad(x, padding, constant_values=-np.inf), kernel, strides, "VALID")
        return lambda x: tf.nn.max_pool2d(x, kernel, strides, padding)

    def AveragePool(self, node, weights):  # noqa: N802
        kernel, strides, padding = pool_geometry(node)
        if padding == "VALID":
            return lambda x: tf.nn.avg_pool2d(x, kernel, strides, "VALID")
        if not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: avg_pool2d has no explicit pads that do not count".format(node.name))
        return lambda x: tf.nn.avg_pool2d(tf.pad(x, padding), kernel, strides, "VALID")

    def GlobalAveragePool(self, node, weights):  # noqa: N802
        return lambda x: tf.reduce_mean(x, axis=[1, 2], keepdims=True)

    def Flatten(self, node, weights):  # noqa: N802
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            if len(x.shape) == 4 and x.shape[1] * x.shape[2] > 1:  # ONNX's order is channels first
                x = tf.transpose(x, [0, 3, 1, 2])
            return tf.reshape(x, [x.shape[0], -1])

        return flatten

    def Gemm(self, node, weights):  # noqa: N802
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = variable(weights["B"].T if node.attrs.get("transB", 0) else weights["B"])
        if "C" not in weights:
            return lambda x: tf.matmul(x, b)
        c = variable(weights["C"])
        return lambda x: tf.nn.bias_add(tf.matmul(x, b), c)

    def MatMul(self, node, weights):  # noqa: N802
        return tf.matmul

    def Add(self, node, weights):  # noqa: N802
        return tf.add

    def Softmax(self, node, weights):  # noqa: N802
        axis = node.attrs.get("axis", -1)
        return lambda x: tf.nn.softmax(x, FROM_NCHW[axis] if len(x.shape) == 4 else axis)

