"""How does TensorFlow attend? Product by product: it has no fused attention of its own."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
import tensorflow as tf

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import approximate, last_axis, new_shape, ranges, scale_of, visible


class Transformer(object):
    """Operators of the backend, which makes variables of the weights."""

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = self.learnt_weight(node, "data", weights["data"])
        return lambda rows: tf.gather(data, rows)

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = self.learnt_weight(node, "scale", weights["scale"]), self.learnt_weight(node, "B", weights["B"])
        epsilon = node.attrs.get("epsilon", 1e-5)

        def layer_normalization(x):
            mean, var = tf.nn.moments(x, [-1], keepdims=True)
            return tf.nn.batch_normalization(x, mean, var, shift, scale, epsilon)

        return layer_normalization

    def Gelu(self, node, weights):
        by_tanh = approximate(node) == "tanh"
        return lambda x: tf.nn.gelu(x, approximate=by_tanh)

    def Tanh(self, node, weights):
        return tf.tanh

    def Reshape(self, node, weights):
        return lambda x: tf.reshape(x, new_shape(node, x.shape.as_list()))

    def Transpose(self, node, weights):
        return lambda x: tf.transpose(x, node.attrs["perm"])

    def Slice(self, node, weights):
        return lambda x: x[ranges(node)]

    def Attention(self, node, weights):
        causal = node.attrs.get("is_causal", 0)

        def attention(q, k, v):
            scores = tf.matmul(q * scale_of(node, q.shape.as_list()[-1]), k, transpose_b=True)
            if causal:
                unseen = np.where(visible(*scores.shape.as_list()[-2:]), np.float32(0), np.float32(-np.inf))
                scores = scores + tf.cast(unseen, scores.dtype)
            return tf.matmul(tf.nn.softmax(scores), v)

        return attention
