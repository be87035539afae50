"""How does PyTorch attend? In its fused kernel since 2.0, before that product by product."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)

from workloads.backends.reference_transformer import CUBIC, approximate, last_axis, new_shape, ranges, scale_of


class Transformer(object):
    """Operators of the backend, which places the weights."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        w = self._weights(weights)
        scale, shift = w["scale"], w["B"]
        shape, epsilon = tuple(weights["scale"].shape), node.attrs.get("epsilon", 1e-5)
        return lambda x: F.layer_norm(x, shape, scale, shift, epsilon)

    def Gelu(self, node, weights):
        if approximate(node) == "none":
            return F.gelu if hasattr(F, "gelu") else gelu_by_erf  # since 1.2
        if since(1, 12):
            return lambda x: F.gelu(x, approximate="tanh")
        return gelu_by_tanh

    def Tanh(self, node, weights):
        return torch.tanh

    def Reshape(self, node, weights):
        return lambda x: x.reshape(new_shape(node, x.shape))

    def Transpose(self, node, weights):
        perm = tuple(node.attrs["perm"])
        return lambda x: x.permute(perm)

    def Slice(self, node, weights):
        chosen = ranges(node)
        return lambda x: x[chosen]

    def Attention(self, node, weights):
        causal = bool(node.attrs.get("is_causal", 0))
        if not hasattr(F, "scaled_dot_product_attention"):  # since 2.0
            return lambda q, k, v: composed_attention(node, q, k, v)
        scale = {"scale": node.attrs["scale"]} if "scale" in node.attrs else {}  # since 2.1
        return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal, **scale)


def since(*version):
    """Whether this is PyTorch `version` or later."""
    return tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2]) >= version


def gelu_by_erf(x):
    return 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))


def gelu_by_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + CUBIC * x * x * x)))


def composed_attention(node, q, k, v):
    scores = torch.matmul(q * scale_of(node, q.shape[-1]), k.transpose(-1, -2))
    if node.attrs.get("is_causal", 0):
        seen = torch.tril(torch.ones(scores.shape[-2:], device=scores.device))
        scores = scores.masked_fill(seen == 0, -float("inf"))
    return torch.matmul(F.softmax(scores, -1), v)
