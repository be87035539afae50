"""How does JAX attend? As jax.nn.dot_product_attention says; what is fused is XLA's decision."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import approximate, last_axis, new_shape, ranges

HEADS_LAST = (0, 2, 1, 3)
"""[B,heads,S,d] to the [B,S,heads,d] that it takes, and back."""


class Transformer(object):
    """Operators of the backend, which hands in the weights while the function is traced."""

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = self._weight(node, "data", weights["data"])
        return lambda rows: self.jax.numpy.take(data(), rows, axis=0)

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = self._weight(node, "scale", weights["scale"]), self._weight(node, "B", weights["B"])
        epsilon = node.attrs.get("epsilon", 1e-5)

        def layer_normalization(x):
            mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
            return (x - mean) * (self.jax.lax.rsqrt(var + epsilon) * scale()) + shift()

        return layer_normalization

    def Gelu(self, node, weights):
        by_tanh = approximate(node) == "tanh"
        return lambda x: self.jax.nn.gelu(x, approximate=by_tanh)

    def Tanh(self, node, weights):
        return self.jax.numpy.tanh

    def Reshape(self, node, weights):
        return lambda x: x.reshape(new_shape(node, x.shape))

    def Transpose(self, node, weights):
        return lambda x: x.transpose(node.attrs["perm"])

    def Slice(self, node, weights):
        return lambda x: x[ranges(node)]

    def Attention(self, node, weights):
        causal, scale = bool(node.attrs.get("is_causal", 0)), node.attrs.get("scale")
        if self.computes_in == "float16" and self.device == "cpu":
            text = "{0}: jax.nn.dot_product_attention asks for products F16_F16_F32, which XLA lacks on a CPU"
            raise Unsupported(text.format(node.name))

        def attention(q, k, v):
            q, k, v = (x.transpose(HEADS_LAST) for x in (q, k, v))
            found = self.jax.nn.dot_product_attention(q, k, v, scale=scale, is_causal=causal)
            return found.transpose(HEADS_LAST)

        return attention
