"""How does TensorFlow run a network? One `tf.function` over variables, in NHWC, which its CPU kernels want."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
import tensorflow as tf

from workloads.backends import base, tensorflow_evidence
from workloads.backends.base import Unsupported
from workloads.backends.padding import is_same
from workloads.backends.tensorflow_transformer import Transformer

FROM_NCHW = (0, 3, 1, 2)
"""Where an axis of NCHW lies in NHWC."""


def conv_padding(node):
    """ONNX's pads as the `padding` of a convolution: a word where one says the same, otherwise pairs."""
    return "SAME" if is_same(node) else pairs(node.attrs.get("pads", [0, 0, 0, 0]))


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


def convolution(node, kernel):
    """The convolution with the kernel [kh, kw, in / group, out]; conv2d sees the groups in its shape."""
    padding = conv_padding(node)
    strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
    return lambda x: tf.nn.conv2d(x, kernel, strides, padding, dilations=dilations)


def split(node, kernels):
    """One convolution per group: without oneDNN, the graph that fuses a grouped one with its bias cannot run it
    ("Fused conv implementation does not support grouped convolutions for now")."""
    convolutions = [convolution(node, kernel) for kernel in kernels]

    def grouped(x):
        parts = tf.split(x, len(kernels), axis=3)
        return tf.concat([one(part) for one, part in zip(convolutions, parts)], axis=3)  # noqa: B905  (3.10 has it)

    return grouped


def depthwise(node, kernel):
    """The depthwise convolution with the kernel [kh, kw, in, out / in]."""
    padding = conv_padding(node)
    strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
    if strides[0] != strides[1]:
        raise Unsupported("{0}: depthwise_conv2d takes one stride for both axes".format(node.name))
    strides = [1, strides[0], strides[1], 1]
    if isinstance(padding, str):
        return lambda x: tf.nn.depthwise_conv2d(x, kernel, strides, padding, dilations=dilations)
    # A layer of its own for the pads, as Keras's MobileNet has it: with pairs, oneDNN's fused bias ends the process
    # (2.14 and 2.21: "Check failed: index >= 0 && index < num_total_dims" in tensor_format.h).
    return lambda x: tf.nn.depthwise_conv2d(tf.pad(x, padding), kernel, strides, "VALID", dilations=dilations)


class Backend(Transformer, base.Backend):
    """`default` is the graph that `tf.function` makes, `eager` one kernel after another, `xla` the whole compiled."""

    name = "tensorflow"
    modes = ("default", "eager", "xla")
    devices = ("cpu", "cuda")
    differentiates = True
    learnt = None  # name -> its variables, where gradients are asked for

    def configure(self):
        if self.device == "cuda":
            found = tf.config.list_physical_devices("GPU")
            if not found:
                built = dict(tf.sysconfig.get_build_info())
                raise RuntimeError("TensorFlow finds no GPU; built with {0}".format(built))
            tf.config.set_visible_devices(found[:1], "GPU")
            tf.config.set_soft_device_placement(False)  # an operator without a kernel there is an error, not a detour
            tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
        else:
            tf.config.set_visible_devices([], "GPU")
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def build(self, nodes, weights, inputs, outputs):
        self.images = base.has_images(nodes)
        made = self.operators(nodes, weights)

        def network(*tensors):
            return self.walk(made, dict(zip(inputs, tensors)), outputs)  # noqa: B905  (3.10 has it)

        self.network = network
        self.signature = self._signature(nodes, inputs)
        if self.execution == "eager":
            self.function = network
        else:
            self.function = self._traced().get_concrete_function()

    def build_gradient(self, nodes, weights, inputs, logits, labels):
        if self.execution == "xla":
            raise Unsupported("mode 'xla': gradients are those of the graph and of eager mode")
        self.learnt = {}
        self.images = base.has_images(nodes)
        made, target = self.operators(nodes, weights), tf.constant(labels)
        variables = [variable for parts in self.learnt.values() for variable, _ in parts]

        def network(*tensors):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                found = self.walk(made, dict(zip(inputs, tensors)), [logits])[logits]  # noqa: B905  (3.10 has it)
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=found)
                loss = tf.reduce_mean(each)
            found = dict(zip(map(str, range(len(variables))), tape.gradient(loss, variables)))  # noqa: B905
            return dict(found, loss=loss)

        self.network = network
        self.signature = self._signature(nodes, inputs)
        self.function = network if self.execution == "eager" else self._traced().get_concrete_function()
        self.fetch = lambda: {"loss": self.result["loss"].numpy().reshape(1)}

    def _signature(self, nodes, inputs):
        """What the function takes, in the order of `inputs`."""
        integers = base.integer_inputs(nodes)
        shapes = {name: nhwc(shape) if self.images else list(shape) for name, shape in inputs.items()}
        types = {name: tf.int64 if name in integers else tf.float32 for name in inputs}
        return [tf.TensorSpec(shapes[name], types[name], name) for name in inputs]

    def gradients(self):
        found, number = {}, 0
        for name, parts in self.learnt.items():
            arrays = []
            for _, back in parts:
                arrays.append(back(tf.convert_to_tensor(self.result[str(number)]).numpy()))
                number += 1
            found[name] = np.concatenate(arrays)
        return found

    def _learnt(self, node, key, array, axes=None, back=None):
        """A variable with its axes in TensorFlow's order; where gradients are asked for, with the way back."""
        made = variable(array.transpose(axes) if axes else array)
        if self.learnt is not None:
            one = (made, lambda found: found.transpose(back).reshape(array.shape) if back else found)
            self.learnt.setdefault("{0}.{1}".format(node.name, key), []).append(one)
        return made

    def adopt(self, network, weights):
        self.network = lambda *tensors: network(weights, tensors)
        self.signature = None  # the tensors of the first call

    def _traced(self):
        options = {"jit_compile": True} if self.execution == "xla" else {}
        return tf.function(self.network, input_signature=self.signature, **options)

    def load(self, arrays):
        given = [arrays[spec.name] for spec in self.signature]
        self.tensors = [tf.constant(a.transpose(0, 2, 3, 1) if self.images and a.ndim == 4 else a) for a in given]

    def step(self):
        self.result = self.function(*self.tensors)

    def fetch(self):
        arrays = {name: tensor.numpy() for name, tensor in self.result.items()}
        return {name: a.transpose(0, 3, 1, 2) if self.images and a.ndim == 4 else a for name, a in arrays.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return tf.__version__

    def build_string(self):
        flags = " ".join(tf.sysconfig.get_compile_flags()[1:] + tf.sysconfig.get_link_flags()[1:])
        built = dict(tf.sysconfig.get_build_info())
        return "git {0}, compiler {1}, {2}, {3}".format(
            tf.version.GIT_VERSION, tf.version.COMPILER_VERSION, built, flags
        )

    def pools(self):
        return {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        }

    def static_libraries(self):
        if self.execution == "xla":
            return tensorflow_evidence.xla_libraries(self._traced(), self.tensors)
        return tensorflow_evidence.static_libraries()

    def precision(self):
        allowed = self.device == "cuda" and tf.config.experimental.tensor_float_32_execution_enabled()
        return "float32, products tf32" if allowed else "float32"

    def placement(self):
        return tensorflow_evidence.placement(self.result.values())

    def arithmetic(self):
        allowed = tf.config.experimental.tensor_float_32_execution_enabled()
        # no tape is open while the function runs, and its variables are not trainable
        return {"gradients": "off", "tf32": "allowed" if allowed else "off"}

    def onednn_state(self):
        state, reason = tensorflow_evidence.onednn_state(self.execution, self._traced(), self.tensors)
        return (state, tensorflow_evidence.version("onednn"), reason)

    def _image(self, x):
        """Whether a tensor has its channels last."""
        return self.images and len(x.shape) == 4

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w, group = weights["W"], node.attrs.get("group", 1)
        if group > 1 and w.shape[1] == 1:
            by_channel = w.reshape((group, -1) + w.shape[2:])
            convolved = depthwise(node, self._learnt(node, "W", by_channel, (2, 3, 0, 1), (2, 3, 0, 1)))
        elif group > 1 and self.execution == "default" and self.onednn != "on":
            parts = np.split(w, group)
            convolved = split(node, [self._learnt(node, "W", part, (2, 3, 1, 0), (3, 2, 0, 1)) for part in parts])
        else:
            convolved = convolution(node, self._learnt(node, "W", w, (2, 3, 1, 0), (3, 2, 0, 1)))
        if "B" not in weights:
            return convolved
        bias = self._learnt(node, "B", weights["B"])
        return lambda x: tf.nn.bias_add(convolved(x), bias)

    def BatchNormalization(self, node, weights):
        args = [variable(weights[key]) for key in ("scale", "B", "mean", "var")]
        epsilon = node.attrs.get("epsilon", 1e-5)
        fused = tf.compat.v1.nn.fused_batch_norm  # what Keras's layer calls; there is no fused one outside compat.v1
        return lambda x: fused(x, *args, epsilon=epsilon, is_training=False)[0]

    def Relu(self, node, weights):
        return tf.nn.relu

    def MaxPool(self, node, weights):
        kernel, strides, padding = pool_geometry(node)
        if self.execution == "xla" and padding != "VALID":  # "XLA does not support pooling ops with explicit padding"
            return lambda x: tf.nn.max_pool2d(tf.pad(x, padding, constant_values=-np.inf), kernel, strides, "VALID")
        return lambda x: tf.nn.max_pool2d(x, kernel, strides, padding)

    def AveragePool(self, node, weights):
        kernel, strides, padding = pool_geometry(node)
        if padding == "VALID":
            return lambda x: tf.nn.avg_pool2d(x, kernel, strides, "VALID")
        if not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: avg_pool2d has no explicit pads that do not count".format(node.name))
        return lambda x: tf.nn.avg_pool2d(tf.pad(x, padding), kernel, strides, "VALID")

    def GlobalAveragePool(self, node, weights):
        return lambda x: tf.reduce_mean(x, axis=[1, 2], keepdims=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            if self._image(x) and x.shape[1] * x.shape[2] > 1:  # ONNX's order is channels first
                x = tf.transpose(x, [0, 3, 1, 2])
            return tf.reshape(x, [x.shape[0], -1])

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self._learnt(node, "B", weights["B"], *([(1, 0)] * 2 if node.attrs.get("transB", 0) else ()))
        if "C" not in weights:
            return lambda x: tf.matmul(x, b)
        c = self._learnt(node, "C", weights["C"])
        return lambda x: tf.nn.bias_add(tf.matmul(x, b), c)

    def MatMul(self, node, weights):
        return tf.matmul

    def Add(self, node, weights):
        return tf.add

    def Mul(self, node, weights):
        return tf.multiply

    def Concat(self, node, weights):
        axis = node.attrs["axis"]
        return lambda *tensors: tf.concat(tensors, FROM_NCHW[axis] if self._image(tensors[0]) else axis)

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        return tf.nn.relu6 if (low, high) == (0, 6) else lambda x: tf.clip_by_value(x, low, high)

    def Sigmoid(self, node, weights):
        return tf.sigmoid

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        if size % 2 == 0:
            raise Unsupported("{0}: TensorFlow's window has a radius, not an even size".format(node.name))
        alpha, beta, bias = attrs.get("alpha", 1e-4) / size, attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return lambda x: tf.nn.local_response_normalization(x, size // 2, bias, alpha, beta)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: tf.nn.softmax(x, FROM_NCHW[axis] if self._image(x) else axis)
