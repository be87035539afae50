"""How does Keras 3 attend? In `keras.ops.dot_product_attention`, beside its layers for rows and norms."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

from workloads.backends.base import Unsupported
from workloads.backends.keras_training import same_array
from workloads.backends.reference_transformer import approximate, last_axis, new_shape, ranges, scale_of

HEADS_LAST = (0, 2, 1, 3)
"""[B,heads,S,d] to the [B,S,heads,d] that it takes, and back."""


class Transformer(object):
    """Operators of the backend, which applies its layers."""

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        length, width = weights["data"].shape
        layer = self.keras.layers.Embedding
        options = {"input_dim": length, "output_dim": width, "embeddings_initializer": "zeros"}
        return self._weighted(node, layer, [("data", weights["data"], same_array)], **options)

    def LayerNormalization(self, node, weights):
        last_axis(node)
        values = [(key, weights[key], same_array) for key in ("scale", "B")]
        epsilon = node.attrs.get("epsilon", 1e-5)
        return self._weighted(node, self.keras.layers.LayerNormalization, values, axis=-1, epsilon=epsilon)

    def Gelu(self, node, weights):
        by_tanh = approximate(node) == "tanh"
        return lambda x: self.keras.ops.gelu(x, approximate=by_tanh)

    def Tanh(self, node, weights):
        return self._layer(self.keras.layers.Activation, activation="tanh")

    def Reshape(self, node, weights):
        return lambda x: self.keras.ops.reshape(x, new_shape(node, x.shape))

    def Transpose(self, node, weights):
        return lambda x: self.keras.ops.transpose(x, node.attrs["perm"])

    def Slice(self, node, weights):
        return lambda x: x[ranges(node)]

    def Attention(self, node, weights):
        causal = bool(node.attrs.get("is_causal", 0))

        def attention(q, k, v):
            scale, turn = scale_of(node, q.shape[-1]), self.keras.ops.transpose
            q, k, v = (turn(x, HEADS_LAST) for x in (q, k, v))
            found = self.keras.ops.dot_product_attention(q, k, v, scale=scale, is_causal=causal)
            return turn(found, HEADS_LAST)

        return attention
