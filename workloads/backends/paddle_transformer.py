"""How does PaddlePaddle attend on a CPU? Product by product, as its layer MultiHeadAttention does.

Its fused kernels are for GPUs: on a CPU `F.scaled_dot_product_attention` composes the same, of other axes.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import paddle
import paddle.nn.functional as F  # noqa: N812  (its usual name)

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import approximate, last_axis, scale_of


class Transformer(object):
    """Operators of the backend, which makes parameters of the weights."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        width, epsilon = weights["scale"].shape[0], node.attrs.get("epsilon", 1e-5)
        if epsilon > 1e-3:
            raise Unsupported("{0}: layer_norm takes an epsilon of 0.001 at most, not {1}".format(node.name, epsilon))
        scale, shift = self._weight(weights["scale"]), self._weight(weights["B"])
        return lambda x: F.layer_norm(x, width, scale, shift, epsilon)

    def Gelu(self, node, weights):
        by_tanh = approximate(node) == "tanh"
        return lambda x: F.gelu(x, by_tanh)

    def Tanh(self, node, weights):
        return F.tanh

    def Reshape(self, node, weights):
        shape = list(node.attrs["shape"])  # 0 and -1 mean what they mean in ONNX
        return lambda x: paddle.reshape(x, shape)

    def Transpose(self, node, weights):
        perm = list(node.attrs["perm"])
        return lambda x: paddle.transpose(x, perm)

    def Slice(self, node, weights):
        axes, starts, ends = (list(node.attrs[key]) for key in ("axes", "starts", "ends"))
        return lambda x: paddle.slice(x, axes, starts, ends)

    def Attention(self, node, weights):
        causal = node.attrs.get("is_causal", 0)

        def attention(q, k, v):
            scores = paddle.matmul(q * scale_of(node, q.shape[-1]), k, transpose_y=True)
            if causal:
                unseen = paddle.triu(paddle.full(scores.shape[-2:], float("-inf"), scores.dtype), 1)
                scores = scores + unseen
            return paddle.matmul(F.softmax(scores), v)

        return attention
