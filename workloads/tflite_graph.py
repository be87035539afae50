"""How is a network written as a TensorFlow Lite model, in memory, as TensorFlow's converter would?

Channels last; a bias in every convolution; batch-norm in the weights (TensorFlow Lite has no such operator), ReLU in
the operator before it; pads that `SAME` cannot say in a PAD before the convolution.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workloads import folded
from workloads.backends import base
from workloads.backends.base import Unsupported

VERSION = 3
"""Of TensorFlow Lite's schema."""

FROM_NCHW = (0, 3, 1, 2)
"""Where an axis of NCHW lies in NHWC."""


class Tensor(object):
    """Index and shape of a tensor of the graph."""

    def __init__(self, index, shape):
        self.index = index
        self.shape = tuple(int(length) for length in shape)


class Writer(base.Backend):
    """A backend that reads TensorFlow Lite: every method writes the operators that one of ONNX's is."""

    batch_matmul = True
    """Whether a product of two inputs is a BATCH_MATMUL."""

    def model(self, nodes, weights, inputs, outputs):
        """The model's bytes; its inputs and outputs are in the order given."""
        nodes, weights = folded.fold(nodes, weights, outputs)
        self.codes, self.tensors, self.written, self.size = [], [], [], 1 << 20
        self.buffers = [schema.BufferT()]  # the first one is empty by convention
        given = {name: self._tensor(name, nhwc(shape)) for name, shape in inputs.items()}
        made = self.walk(self.operators(nodes, weights), given, outputs)
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.name = self.tensors, self.written, "network"
        graph.inputs = [tensor.index for tensor in given.values()]
        graph.outputs = [made[name].index for name in outputs]
        model = schema.ModelT()
        model.version, model.description = VERSION, "network"
        model.subgraphs, model.buffers, model.operatorCodes = (
            [graph],
            self.buffers,
            [operator_code(number) for number in self.codes],
        )
        builder = flatbuffers.Builder(self.size)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    # -- tensors and operators -------------------------------------------------------------------------------------

    def _tensor(self, name, shape, array=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, [int(length) for length in shape], 0
        tensor.type = schema.TensorType.FLOAT32
        if array is not None:
            array = np.ascontiguousarray(array)
            tensor.type = schema.TensorType.INT32 if array.dtype == np.int32 else schema.TensorType.FLOAT32
            buffer = schema.BufferT()
            buffer.data = array.reshape(-1).view(np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
            self.size += array.nbytes + 1024
        self.tensors.append(tensor)
        return Tensor(len(self.tensors) - 1, shape)

    def _constant(self, name, array):
        return self._tensor(name, array.shape, array)

    def _write(self, name, kind, inputs, shape, options=None):  # noqa: PLR0917  (a row of a table)
        """Add the operator `kind` (BuiltinOperator's name) and its output."""
        number = getattr(schema.BuiltinOperator, kind)
        if number not in self.codes:
            self.codes.append(number)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(number)
        output = self._tensor(name, shape)
        operator.inputs, operator.outputs = [tensor.index for tensor in inputs], [output.index]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        self.written.append(operator)
        return output

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
            scaled = self._write(node.name + "_scaled", "MUL", [x, factor], x.shape, schema.MulOptionsT())
            return self._write(node.name, "ADD", [scaled, shift], x.shape, schema.AddOptionsT())

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
            if len(x.shape) == 4 and x.shape[1] * x.shape[2] > 1:  # ONNX's order is channels first
                order = self._constant(node.name + ".order", np.array(FROM_NCHW, np.int32))
                shape = [x.shape[axis] for axis in FROM_NCHW]
                x = self._write(node.name + "_nchw", "TRANSPOSE", [x, order], shape, schema.TransposeOptionsT())
            shape = [x.shape[0], int(np.prod(x.shape[1:]))]
            options = schema.ReshapeOptionsT()
            options.newShape = shape
            inputs = [x, self._constant(node.name + ".shape", np.array(shape, np.int32))]
            return self._write(node.name, "RESHAPE", inputs, shape, options)

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
        if self.batch_matmul:
            options = schema.BatchMatMulOptionsT()
            return lambda a, b: self._write(node.name, "BATCH_MATMUL", [a, b], a.shape[:-1] + b.shape[-1:], options)
        order = self._constant(node.name + ".order", np.array([1, 0], np.int32))
        options = schema.FullyConnectedOptionsT()

        def product(a, b):
            if len(a.shape) != 2 or len(b.shape) != 2:
                raise Unsupported("{0}: MatMul of tensors that are no matrices".format(node.name))
            shape = [b.shape[1], b.shape[0]]
            turned = self._write(node.name + "_turned", "TRANSPOSE", [b, order], shape, schema.TransposeOptionsT())
            return self._write(node.name, "FULLY_CONNECTED", [a, turned], [a.shape[0], shape[0]], options)

        return product

    def Add(self, node, weights):
        return lambda a, b: self._write(node.name, "ADD", [a, b], a.shape, schema.AddOptionsT())

    def Mul(self, node, weights):
        return lambda a, b: self._write(node.name, "MUL", [a, b], a.shape, schema.MulOptionsT())

    def Concat(self, node, weights):
        options, axis = schema.ConcatenationOptionsT(), node.attrs["axis"]

        def concat(*tensors):
            options.axis = FROM_NCHW[axis] if len(tensors[0].shape) == 4 else axis
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
        axis = node.attrs.get("axis", -1)

        def softmax(x):
            if axis not in (-1, 1) or (axis == -1 and len(x.shape) == 4):
                raise Unsupported("{0}: SOFTMAX works along the last axis, the channels".format(node.name))
            return self._write(node.name, "SOFTMAX", [x], x.shape, options)

        return softmax


def operator_code(number):
    """The kind of an operator, as old readers and new ones look for it."""
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    return code


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
