"""How does Chainer attend? Product by product, of all heads at once: it has no attention of its own."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import chainer
import chainer.functions as F  # noqa: N812  (its usual name)
import numpy as np

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import (
    CUBIC,
    approximate,
    last_axis,
    new_shape,
    ranges,
    scale_of,
    visible,
)


class Transformer(object):
    """Operators of the backend, which makes arrays or variables of the weights."""

    def LayerNormalization(self, node, weights):
        """layer_normalization takes rows."""
        last_axis(node)
        placed = self._placed(weights)
        scale, shift, epsilon = placed["scale"], placed["B"], node.attrs.get("epsilon", 1e-5)

        def layer_normalization(x):
            if x.ndim == 2:
                return F.layer_normalization(x, scale, shift, epsilon)
            rows = F.layer_normalization(F.reshape(x, (-1, x.shape[-1])), scale, shift, epsilon)
            return F.reshape(rows, x.shape)

        return layer_normalization

    def Gelu(self, node, weights):
        if approximate(node) == "tanh":
            return gelu_by_tanh
        if not hasattr(F, "erf"):
            raise Unsupported("{0}: Gelu by erf: Chainer {1} has no erf".format(node.name, chainer.__version__))
        return gelu_by_erf

    def Tanh(self, node, weights):
        return F.tanh

    def Reshape(self, node, weights):
        return lambda x: F.reshape(x, new_shape(node, x.shape))

    def Transpose(self, node, weights):
        perm = tuple(node.attrs["perm"])
        return lambda x: F.transpose(x, perm)

    def Slice(self, node, weights):
        chosen = ranges(node)
        return lambda x: F.get_item(x, chosen)

    def Attention(self, node, weights):
        causal, masks = node.attrs.get("is_causal", 0), {}

        def attention(q, k, v):
            scores = F.matmul(q * scale_of(node, q.shape[-1]), k, transb=True)
            if causal:
                mask = masks.get(scores.shape)
                if mask is None:
                    seen = visible(*scores.shape[2:])
                    mask = np.broadcast_to(np.where(seen, np.float32(0), np.float32(-np.inf)), scores.shape)
                    masks[scores.shape] = mask
                scores = scores + mask
            return F.matmul(F.softmax(scores, axis=3), v)

        return attention


def gelu_by_erf(x):
    return x * (F.erf(x * math.sqrt(0.5)) + 1) * 0.5


def gelu_by_tanh(x):
    return x * (F.tanh(x * (x * x * CUBIC + 1) * math.sqrt(2 / math.pi)) + 1) * 0.5
