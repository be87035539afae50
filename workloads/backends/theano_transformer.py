"""How does Theano attend? Product by product: neither it nor its successor PyTensor has an attention or a Gelu."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import numpy as np

from workloads.backends.reference_transformer import CUBIC, approximate, last_axis, new_shape, ranges

HALF, ONE = np.float32(0.5), np.float32(1)


class Transformer(object):
    """Operators of the backend, which makes shared variables of the weights and says what differs: `tensor`, the module
    of expressions, `softmax` along the last axis, and `matmul`."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = self.held(node, weights, "scale"), self.held(node, weights, "B")
        epsilon = np.float32(node.attrs.get("epsilon", 1e-5))

        def layer_normalization(x):
            centred = x - x.mean(axis=-1, keepdims=True)
            var = self.tensor.sqr(centred).mean(axis=-1, keepdims=True)
            return centred / self.tensor.sqrt(var + epsilon) * scale + shift

        return layer_normalization

    def Gelu(self, node, weights):
        if approximate(node) == "none":
            root = np.float32(math.sqrt(0.5))
            return lambda x: HALF * x * (ONE + self.tensor.erf(x * root))
        factor, cubic = np.float32(math.sqrt(2 / math.pi)), np.float32(CUBIC)
        return lambda x: HALF * x * (ONE + self.tensor.tanh(factor * (x + cubic * x * x * x)))

    def Tanh(self, node, weights):
        return self.tensor.tanh

    def Reshape(self, node, weights):
        return lambda x: x.reshape(new_shape(node, x.shape), ndim=len(node.attrs["shape"]))

    def Transpose(self, node, weights):
        return lambda x: x.dimshuffle(*node.attrs["perm"])

    def Slice(self, node, weights):
        return lambda x: x[ranges(node)]

    def MatMul(self, node, weights):
        return self.matmul

    def Attention(self, node, weights):
        causal, scale = node.attrs.get("is_causal", 0), node.attrs.get("scale")

        def attention(q, k, v):
            T = self.tensor  # noqa: N806  (its usual name)
            factor = ONE / T.sqrt(T.cast(q.shape[3], "float32")) if scale is None else np.float32(scale)
            scores = self.matmul(q * factor, k.dimshuffle(0, 1, 3, 2))
            if causal:
                seen = T.arange(q.shape[2]).dimshuffle(0, "x") >= T.arange(k.shape[2]).dimshuffle("x", 0)
                scores = T.switch(seen, scores, np.float32(-np.inf))
            return self.matmul(self.softmax(scores), v)

        return attention
