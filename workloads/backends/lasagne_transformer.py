"""How does Lasagne attend? In layers of one's own, of Theano's expressions; rows, shapes and axes have its layers."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

from lasagne import layers

from workloads.backends import theano_transformer
from workloads.backends.reference_transformer import ranges


class Expression(layers.MergeLayer):
    """Theano's function of the inputs, of which Lasagne has no layer; `shape` makes the output's of theirs."""

    def __init__(self, incomings, function, shape):
        super(Expression, self).__init__(incomings)
        self.function, self.shape = function, shape

    def get_output_shape_for(self, input_shapes):
        return self.shape(*input_shapes)

    def get_output_for(self, inputs, **kwargs):
        return self.function(*inputs)


class Transformer(theano_transformer.Transformer):
    """Operators of the backend, each a function from layers to one."""

    def Gather(self, node, weights):
        rows, width = weights["data"].shape
        data = self.held(node, weights, "data")
        return lambda layer: layers.EmbeddingLayer(layer, rows, width, W=data)

    def LayerNormalization(self, node, weights):
        function = super(Transformer, self).LayerNormalization(node, weights)
        return lambda layer: Expression([layer], function, lambda shape: shape)

    def Gelu(self, node, weights):
        function = super(Transformer, self).Gelu(node, weights)
        return lambda layer: layers.NonlinearityLayer(layer, function)

    def Tanh(self, node, weights):
        return lambda layer: layers.NonlinearityLayer(layer, self.tensor.tanh)

    def Reshape(self, node, weights):
        wanted = tuple([axis] if length == 0 else length for axis, length in enumerate(node.attrs["shape"]))
        return lambda layer: layers.ReshapeLayer(layer, wanted)

    def Transpose(self, node, weights):
        return lambda layer: layers.DimshuffleLayer(layer, tuple(node.attrs["perm"]))

    def Slice(self, node, weights):
        def cut(layer):
            for axis, part in enumerate(ranges(node)):
                layer = layers.SliceLayer(layer, part, axis) if part != slice(None) else layer
            return layer

        return cut

    def MatMul(self, node, weights):
        return lambda a, b: Expression([a, b], self.matmul, lambda one, two: one[:-1] + two[-1:])

    def Attention(self, node, weights):
        function = super(Transformer, self).Attention(node, weights)
        return lambda *incoming: Expression(list(incoming), function, lambda *shapes: shapes[0][:-1] + shapes[2][-1:])
