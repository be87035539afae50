"""How does CNTK attend? Product by product: its `times` has no axis that two tensors share but that of the samples, so
each head of each sample becomes one of those for as long as it attends."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import cntk as C  # noqa: N812  (its usual name)
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
    """Operators of the backend, over tensors whose samples are on an axis of the shape."""

    def LayerNormalization(self, node, weights):
        """That of C.layers takes the statistics of all axes, and adds the epsilon to the deviation."""
        last_axis(node)
        scale, shift = self._weight(weights["scale"]), self._weight(weights["B"])
        epsilon = node.attrs.get("epsilon", 1e-5)

        def layer_normalization(x):
            centred = x - C.reduce_mean(x, axis=-1)
            variance = C.reduce_mean(C.square(centred), axis=-1)
            return centred / C.sqrt(variance + epsilon) * scale + shift

        return layer_normalization

    def Gelu(self, node, weights):
        """x * sigmoid(2 y) is x / 2 * (1 + tanh(y)), and C.tanh takes three times as long as C.sigmoid."""
        if approximate(node) == "none":
            raise Unsupported("{0}: CNTK has no Erf, which Gelu without an approximation takes".format(node.name))
        factor = 2 * math.sqrt(2 / math.pi)
        return lambda x: x * C.sigmoid(x * (factor + factor * CUBIC * C.square(x)))

    def Tanh(self, node, weights):
        return C.tanh

    def Reshape(self, node, weights):
        return lambda x: C.reshape(x, new_shape(node, x.shape))

    def Transpose(self, node, weights):
        return lambda x: C.transpose(x, node.attrs["perm"])

    def Slice(self, node, weights):
        def cut(x):
            for axis, chosen in enumerate(ranges(node)):
                start, end, _ = chosen.indices(x.shape[axis])
                if end - start < x.shape[axis]:
                    x = C.slice(x, axis, start, end)
            return x

        return cut

    def Attention(self, node, weights):
        def attention(q, k, v):
            heads, (queries, depth), keys = q.shape[:2], q.shape[2:], k.shape[2]
            scores = C.times_transpose(as_samples(q), as_samples(k)) * scale_of(node, depth)
            if node.attrs.get("is_causal", 0):
                scores += C.constant(np.where(visible(queries, keys), 0, -np.inf).astype(np.float32))
            return as_heads(C.times(C.softmax(scores, axis=-1), as_samples(v)), heads)

        return attention


def as_samples(x):
    """[N,heads,...] as N * heads samples [...]."""
    return C.to_batch(C.reshape(x, (x.shape[0] * x.shape[1],) + x.shape[2:]))


def as_heads(x, heads):
    """The other way; `heads` is (N, heads)."""
    return C.reshape(C.unpack_batch(x), heads + x.shape)


def product(a, b):
    """Of two matrices, or of [N,heads,...] each with each."""
    if len(a.shape) == 3 or len(a.shape) != len(b.shape):
        raise Unsupported("MatMul of {0} and {1}: each with each is written for four axes".format(a.shape, b.shape))
    return C.times(a, b) if len(a.shape) < 4 else as_heads(C.times(as_samples(a), as_samples(b)), a.shape[:2])
