"""How is a network written as a TensorFlow Lite model, in memory, as TensorFlow's converter would?

Images with channels last; a bias in every convolution; batch-norm in the weights (TensorFlow Lite has no such
operator), ReLU in the operator before it; pads that `SAME` cannot say in a PAD before the convolution.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workloads import folded
from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.tflite_model import Model
from workloads.tflite_sequence import Sequence
from workloads.tflite_transformer import Transformer

FROM_NCHW = (0, 3, 1, 2)
"""Where an axis of NCHW lies in NHWC."""


class Writer(Sequence, Transformer, Model, base.Backend):
    """A backend that reads TensorFlow Lite: every method writes the operators that one of ONNX's is."""

    batch_matmul = True
    """Whether a product of two inputs is a BATCH_MATMUL."""

    def model(self, nodes, weights, inputs, outputs):
        """The model's bytes; its inputs and outputs are in the order given."""
        self.images = base.has_images(nodes)
        nodes, weights = folded.fold(nodes, weights, outputs)
        integers = base.integer_inputs(nodes)

        def network():
            given = {}
            for name, shape in inputs.items():
                given[name] = self._tensor(name, self.placed(shape), np.int64 if name in integers else np.float32)
            made = self.walk(self.operators(nodes, weights), given, outputs)
            return list(given.values()), [made[name] for name in outputs]

        return self._model(network)

    def placed(self, shape):
        """The shape with its channels last, where it is an image's."""
        return nhwc(shape) if self.images else list(shape)

    def _padded(self, node, x, pads, value=0.0):
        """x with the pads of ONNX around it."""
        top, left, bottom, right = pads
        if not any(pads):
            return x
        pairs = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        shape = [length + int(pair.sum()) for length, pair in zip(x.shape, pairs)]  # noqa: B905  (3.10 has it)
        inputs = [x, self._constant(node.name + ".pads", pairs)]
        if not value:
            return self._write(node.name + "_padded", "PAD", inputs, shape, schema.PadOptionsT())
        inputs.append(self._constant(node.name + ".fill", np.array([value], np.float32)))
        return self._write(node.name + "_padded", "PADV2", inputs, shape, schema.PadV2OptionsT())

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w, group = weights["W"], node.attrs.get("group", 1)
        depthwise = group > 1 and w.shape[1] == 1
        bias = weights["B"] if "B" in weights else np.zeros(w.shape[0], np.float32)
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        (options.strideH, options.strideW) = strides = node.attrs.get("strides", [1, 1])
        (options.dilationHFactor, options.dilationWFactor) = dilations = node.attrs.get("dilations", [1, 1])
        options.fusedActivationFunction = activation(node)
        if depthwise:
            options.depthMultiplier = w.shape[0] // group
            kernel, kind = w.transpose(1, 2, 3, 0), "DEPTHWISE_CONV_2D"
        else:
            kernel, kind = w.transpose(0, 2, 3, 1), "CONV_2D"
        pads = node.attrs.get("pads", [0, 0, 0, 0])
        same = is_same(w.shape[2:], strides, dilations, pads)
        options.padding = schema.Padding.SAME if same else schema.Padding.VALID
        tensors = [self._constant(node.name + ".W", kernel), self._constant(node.name + ".B", bias)]

        def conv(x):
            size = windows(x.shape[1:3], w.shape[2:], strides, pads, dilations)
            x = x if same else self._padded(node, x, pads)
            return self._write(node.name, kind, [x] + tensors, [x.shape[0]] + size + [w.shape[0]], options)

        return conv

    def BatchNormalization(self, node, weights):
        """One that no convolution took in: a product and a sum by channel."""
        factor = weights["scale"] / np.sqrt(weights["var"] + np.float32(node.attrs.get("epsilon", 1e-5)))
        shift = self._constant(node.name + ".B", weights["B"] - weights["mean"] * factor)
        factor = self._constant(node.name + ".scale", factor)

        def normalise(x):
            return self._binary(node.name, "ADD", self._binary(node.name + "_scaled", "MUL", x, factor), shift)

        return normalise

    def Relu(self, node, weights):
        return lambda x: self._write(node.name, "RELU", [x], x.shape)

    def MaxPool(self, node, weights):
        return self._pool(node, "MAX_POOL_2D", -np.inf)

    def AveragePool(self, node, weights):
        if any(node.attrs.get("pads", ())) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: AVERAGE_POOL_2D has no explicit pads that do not count".format(node.name))
        return self._pool(node, "AVERAGE_POOL_2D", 0.0)

    def _pool(self, node, kind, fill):
        if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
            raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
        kernel, pads = node.attrs["kernel_shape"], node.attrs.get("pads", [0, 0, 0, 0])
        options = schema.Pool2DOptionsT()
        options.padding = schema.Padding.VALID
        options.filterHeight, options.filterWidth = kernel
        (options.strideH, options.strideW) = strides = node.attrs.get("strides", [1, 1])

        def pool(x):
            size = windows(x.shape[1:3], kernel, strides, pads, [1, 1])
            inputs = [self._padded(node, x, pads, fill)]
            return self._write(node.name, kind, inputs, [x.shape[0]] + size + [x.shape[3]], options)

        return pool

    def GlobalAveragePool(self, node, weights):
        axes = self._constant(node.name + ".axes", np.array([1, 2], np.int32))
        options = schema.ReducerOptionsT()
        options.keepDims = True
        return lambda x: self._write(node.name, "MEAN", [x, axes], [x.shape[0], 1, 1, x.shape[3]], options)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            if self.images and len(x.shape) == 4 and x.shape[1] * x.shape[2] > 1:  # ONNX's order is channels first
                x = self._turned(node.name + "_nchw", x, FROM_NCHW)
            return self._reshaped(node.name, x, [x.shape[0], -1])

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        w = weights["B"] if node.attrs.get("transB", 0) else weights["B"].T
        bias = weights["C"] if "C" in weights else np.zeros(w.shape[0], np.float32)
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation(node)
        tensors = [self._constant(node.name + ".B", w), self._constant(node.name + ".C", bias)]
        return lambda x: self._write(node.name, "FULLY_CONNECTED", [x] + tensors, [x.shape[0], w.shape[0]], options)

    def MatMul(self, node, weights):
        """A BATCH_MATMUL, or a fully connected layer over the second matrix turned: the converter makes both."""
        return lambda a, b: self._product(node.name, a, b)

    def Add(self, node, weights):
        return lambda a, b: self._binary(node.name, "ADD", a, b)

    def Mul(self, node, weights):
        return lambda a, b: self._binary(node.name, "MUL", a, b)

    def Concat(self, node, weights):
        options, axis = schema.ConcatenationOptionsT(), node.attrs["axis"]

        def concat(*tensors):
            options.axis = FROM_NCHW[axis] if self.images and len(tensors[0].shape) == 4 else axis
            shape = list(tensors[0].shape)
            shape[options.axis] = sum(x.shape[options.axis] for x in tensors)
            return self._write(node.name, "CONCATENATION", list(tensors), shape, options)

        return concat

    def Clip(self, node, weights):
        if (node.attrs["min"], node.attrs["max"]) != (0, 6):
            raise Unsupported("{0}: Clip to other bounds than 0 and 6".format(node.name))
        return lambda x: self._write(node.name, "RELU6", [x], x.shape)

    def Sigmoid(self, node, weights):
        return lambda x: self._write(node.name, "LOGISTIC", [x], x.shape)

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        if size % 2 == 0:
            raise Unsupported("{0}: the window has a radius, not an even size".format(node.name))
        options = schema.LocalResponseNormalizationOptionsT()
        options.radius, options.bias = size // 2, attrs.get("bias", 1.0)
        options.alpha, options.beta = attrs.get("alpha", 1e-4) / size, attrs.get("beta", 0.75)
        return lambda x: self._write(node.name, "LOCAL_RESPONSE_NORMALIZATION", [x], x.shape, options)

    def Softmax(self, node, weights):
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0

        def softmax(x):
            rank = len(x.shape)
            axis = node.attrs.get("axis", -1) % rank
            axis = FROM_NCHW[axis] if self.images and rank == 4 else axis
            if axis == rank - 1:
                return self._write(node.name, "SOFTMAX", [x], x.shape, options)
            order = [each for each in range(rank) if each != axis] + [axis]
            turned = self._turned(node.name + "_turned", x, order)
            share = self._write(node.name + "_share", "SOFTMAX", [turned], turned.shape, options)
            return self._turned(node.name, share, np.argsort(order))

        return softmax


def nhwc(shape):
    """The shape of an image batch with its channels last; any other shape as it is."""
    return [shape[0], shape[2], shape[3], shape[1]] if len(shape) == 4 else list(shape)


def activation(node):
    """TensorFlow Lite's number of what is computed behind the product."""
    relu = node.attrs.get("activation") == "relu"
    return schema.ActivationFunctionType.RELU if relu else schema.ActivationFunctionType.NONE


def is_same(kernel, strides, dilations, pads):
    """Whether `SAME` means these pads: at a larger stride it depends on the size of the image."""
    before = [(k - 1) // 2 for k in kernel]
    after = [k - 1 - b for k, b in zip(kernel, before)]  # noqa: B905  (3.10 has it)
    return list(strides) == list(dilations) == [1, 1] and list(pads) == before + after


def windows(size, kernel, strides, pads, dilations):
    """[height, width] of what a kernel sees of an image."""
    made = []
    for axis in (0, 1):
        seen = dilations[axis] * (kernel[axis] - 1) + 1
        made.append((size[axis] + pads[axis] + pads[axis + 2] - seen) // strides[axis] + 1)
    return made
