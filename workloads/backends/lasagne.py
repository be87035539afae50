"""How does Lasagne run a network? Its layers describe one Theano expression, which Theano compiles."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import sys
import types

import numpy as np
import theano
from theano.tensor.signal import pool

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.theano import Compiled, pool_geometry, tensor_type

# Lasagne 0.1 imports a module that Theano renamed to `pool` before its 1.0; what it takes from there is one function,
# which still has the keywords of that time. The old name is all that is given back.
downsample = types.ModuleType("theano.tensor.signal.downsample")
downsample.max_pool_2d = pool.pool_2d
sys.modules.setdefault(downsample.__name__, downsample)
sys.modules["theano.tensor.signal"].downsample = sys.modules[downsample.__name__]

import lasagne  # noqa: E402  (after the module that it imports)
from lasagne import layers, nonlinearities, objectives  # noqa: E402

from workloads.backends.lasagne_sequence import Sequence  # noqa: E402
from workloads.backends.lasagne_transformer import Transformer  # noqa: E402


class Backend(Sequence, Transformer, Compiled):
    """Layers of Lasagne 0.1. It has no batch normalisation and no convolution in groups: those came after it."""

    name = "lasagne"
    losses = {
        "cross_entropy": lambda logits, labels: objectives.categorical_crossentropy(
            nonlinearities.softmax(logits), labels
        ).mean(),
        "mean_squared_error": lambda output, targets: objectives.squared_error(output, targets).mean(),
    }

    def updates(self, value, optimizer):
        learnt = list(self.learnt.values())
        if optimizer.name == "sgd":
            made = lasagne.updates.momentum(value, learnt, np.float32(optimizer.learning_rate), optimizer.momentum)
        else:
            options = [optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon]
            made = lasagne.updates.adam(value, learnt, *options)
        return list(made.items())

    def symbolic(self, nodes, weights, inputs):
        integers = base.integer_inputs(nodes)
        types = {name: "int64" if name in integers else "float32" for name in inputs}
        made = {name: layers.InputLayer(shape, tensor_type(shape, types[name])(name)) for name, shape in inputs.items()}
        variables = {name: layer.input_var for name, layer in made.items()}
        found = self.walk(self.operators(nodes, weights), made, self.outputs)
        expressions = layers.get_output([found[name] for name in self.outputs], deterministic=self.learnt is None)
        return {name: expressions[i] for i, name in enumerate(self.outputs)}, variables

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return lasagne.__version__

    def build_string(self):
        return "Theano {0}; {1}".format(theano.__version__, super(Backend, self).build_string())[:4000]

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
        if node.attrs.get("group", 1) != 1 or list(node.attrs.get("dilations", [1, 1])) != [1, 1]:
            raise Unsupported("{0}: Lasagne 0.1 has no convolution in groups, and none with holes".format(node.name))
        if (top, left) != (bottom, right):
            raise Unsupported("{0}: convolution with uneven pads".format(node.name))
        # Its layer turns the kernel, as the mathematical convolution does, and ONNX's does not.
        w = self.shared(weights["W"], turned=flipped(weights["W"]), back=flipped)
        b = self.shared(weights["B"]) if "B" in weights else None
        filters, _, kh, kw = weights["W"].shape
        strides = tuple(node.attrs.get("strides", [1, 1]))

        def conv(layer):
            return layers.Conv2DLayer(layer, filters, (kh, kw), strides, (top, left), W=w, b=b, nonlinearity=None)

        return conv

    def Relu(self, node, weights):
        return lambda layer: layers.NonlinearityLayer(layer, nonlinearities.rectify)

    def MaxPool(self, node, weights):
        return self._pool(node, "max")

    def AveragePool(self, node, weights):
        return self._pool(node, "average_inc_pad" if node.attrs.get("count_include_pad", 0) else "average_exc_pad")

    def _pool(self, node, mode):
        kernel, strides, pads = pool_geometry(node)
        return lambda layer: layers.Pool2DLayer(layer, kernel, strides, pads, ignore_border=True, mode=mode)

    def GlobalAveragePool(self, node, weights):
        return lambda layer: layers.DimshuffleLayer(layers.GlobalPoolLayer(layer), (0, 1, "x", "x"))

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))
        return layers.FlattenLayer

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        # The layer keeps its weights as inputs x units.
        w, units = self.shared(weights["B"]), weights["B"].shape[1]
        if node.attrs.get("transB", 0):
            w, units = self.shared(weights["B"], np.ascontiguousarray(weights["B"].T), np.transpose), len(weights["B"])
        b = self.shared(weights["C"]) if "C" in weights else None
        return lambda layer: layers.DenseLayer(layer, units, W=w, b=b, nonlinearity=None)

    def Add(self, node, weights):
        return lambda *incoming: layers.ElemwiseSumLayer(list(incoming))

    def Concat(self, node, weights):
        return lambda *incoming: layers.ConcatLayer(list(incoming), axis=node.attrs["axis"])

    def Sigmoid(self, node, weights):
        return lambda layer: layers.NonlinearityLayer(layer, nonlinearities.sigmoid)

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        alpha, beta, bias = attrs.get("alpha", 1e-4) / size, attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        if size % 2 == 0:
            raise Unsupported("{0}: Lasagne's window has an odd size".format(node.name))
        return lambda layer: layers.LocalResponseNormalization2DLayer(layer, alpha=alpha, k=bias, beta=beta, n=size)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)

        def softmax(layer):
            if axis not in (-1, len(layer.output_shape) - 1):
                raise Unsupported("{0}: Softmax along axis {1}".format(node.name, axis))
            matrix = len(layer.output_shape) == 2
            return layers.NonlinearityLayer(layer, nonlinearities.softmax if matrix else self.softmax)

        return softmax


def flipped(kernels):
    """[O,I,H,W] with height and width back to front, in memory of its own."""
    return np.ascontiguousarray(kernels[:, :, ::-1, ::-1])
