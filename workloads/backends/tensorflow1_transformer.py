"""How does TensorFlow 1 attend? Product by product, as its successor; it has no Gelu, and spells a norm otherwise."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import tensorflow as tf

from workloads.backends import tensorflow_transformer
from workloads.backends.reference_transformer import CUBIC, approximate, last_axis


class Transformer(tensorflow_transformer.Transformer):
    """Operators of the backend, which makes variables of the weights."""

    def LayerNormalization(self, node, weights):
        """As tf.contrib.layers.layer_norm, whose epsilon is always 1e-12."""
        last_axis(node)
        scale, shift = self.learnt_weight(node, "scale", weights["scale"]), self.learnt_weight(node, "B", weights["B"])
        epsilon = node.attrs.get("epsilon", 1e-5)

        def layer_normalization(x):
            mean, var = tf.nn.moments(x, [-1], keep_dims=True)  # `keepdims` since 1.5
            return tf.nn.batch_normalization(x, mean, var, shift, scale, epsilon)

        return layer_normalization

    def Gelu(self, node, weights):
        return gelu_by_erf if approximate(node) == "none" else gelu_by_tanh


def gelu_by_erf(x):
    return 0.5 * x * (1 + tf.erf(x * math.sqrt(0.5)))


def gelu_by_tanh(x):
    return 0.5 * x * (1 + tf.tanh(math.sqrt(2 / math.pi) * (x + CUBIC * x * x * x)))
