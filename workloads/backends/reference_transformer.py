"""What does each operator of a transformer compute? The part of the reference that moves axes and attends."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import numpy as np

from workloads.backends.base import Unsupported

ERF = np.frompyfunc(math.erf, 1, 1)
"""numpy has none; the C library's is exact to the last bits of float64."""

CUBIC = 0.044715
"""Of the approximation of the Gaussian's integral by a tanh: Hendrycks and Gimpel, arXiv 1606.08415."""


def last_axis(node):
    """Raise Unsupported unless a LayerNormalization is over the last axis alone."""
    if node.attrs.get("axis", -1) != -1:
        raise Unsupported("{0}: LayerNormalization from axis {1} on".format(node.name, node.attrs["axis"]))


def new_shape(node, shape):
    """The shape that a Reshape of `shape` asks for, with ONNX's 0 (as it was) filled in; -1 stays."""
    return tuple(shape[axis] if length == 0 else length for axis, length in enumerate(node.attrs["shape"]))


def with_one(shape, axis):
    """The shape with an axis of one more; a negative one is counted from the end of what comes out."""
    axis %= len(shape) + 1
    return tuple(shape[:axis]) + (1,) + tuple(shape[axis:])


def ranges(node):
    """A slice per axis, up to the last that is cut: ONNX's Slice of opset 1, whose later ones take inputs instead."""
    found = [slice(None)] * (max(node.attrs["axes"]) + 1)
    for axis, start, end in zip(node.attrs["axes"], node.attrs["starts"], node.attrs["ends"]):  # noqa: B905  (3.10 has it)
        found[axis] = slice(start, end)
    return tuple(found)


def scale_of(node, depth):
    """What an Attention multiplies its scores with: heads of `depth` have 1 / sqrt(depth)."""
    others = sorted(set(node.attrs) - {"is_causal", "scale"})
    if others:
        raise Unsupported("{0}: Attention with {1}".format(node.name, ", ".join(others)))
    return node.attrs.get("scale", 1 / math.sqrt(depth))


def visible(queries, keys):
    """bool [queries,keys]: which keys a causal query sees. ONNX aligns the first query with the first key."""
    return np.tril(np.ones((queries, keys), bool))


def approximate(node):
    """How a Gelu computes: `none` by erf, or `tanh`."""
    wanted = node.attrs.get("approximate", "none")
    if wanted not in ("none", "tanh"):
        raise Unsupported("{0}: Gelu with approximate={1!r}".format(node.name, wanted))
    return wanted


class Transformer(object):
    """Operators, in `self.dtype`."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = weights["scale"].astype(self.dtype), weights["B"].astype(self.dtype)
        epsilon = self.dtype(node.attrs.get("epsilon", 1e-5))

        def layer_normalization(x):
            mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
            return (x - mean) / np.sqrt(var + epsilon) * scale + shift

        return layer_normalization

    def Gelu(self, node, weights):
        half, one = self.dtype(0.5), self.dtype(1)
        if approximate(node) == "none":
            root = self.dtype(math.sqrt(0.5))
            return lambda x: half * x * (one + ERF(x * root).astype(self.dtype))
        factor, cubic = self.dtype(math.sqrt(2 / math.pi)), self.dtype(CUBIC)
        return lambda x: half * x * (one + np.tanh(factor * (x + cubic * x * x * x)))

    def Tanh(self, node, weights):
        return np.tanh

    def Reshape(self, node, weights):
        return lambda x: x.reshape(new_shape(node, x.shape))

    def Transpose(self, node, weights):
        return lambda x: x.transpose(node.attrs["perm"])

    def Slice(self, node, weights):
        return lambda x: x[ranges(node)]

    def Attention(self, node, weights):
        """Q [B,heads,S,d], K [B,heads,T,d] and V [B,heads,T,e] to [B,heads,S,e]: ONNX, opset 23, of four axes."""

        def attention(q, k, v):
            return np.matmul(attended(node, q, k), v)

        return attention


def attended(node, q, k):
    """The share [B,heads,S,T] of each key in what each query gets."""
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * q.dtype.type(scale_of(node, q.shape[-1]))
    if node.attrs.get("is_causal", 0):
        scores = np.where(visible(*scores.shape[-2:]), scores, q.dtype.type(-np.inf))
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
