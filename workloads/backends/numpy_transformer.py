"""How does numpy attend? Products of all heads in the BLAS; everything else in blocks that stay in a cache."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import numpy as np

from workloads.backends.reference_transformer import (
    CUBIC,
    approximate,
    last_axis,
    new_shape,
    ranges,
    scale_of,
    visible,
)

BLOCK = 1 << 15
"""Elements that a chain of passes takes at a time: 128 KiB."""

ERF_ABOVE = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
ERF_BELOW = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)
"""erf(x) = x * above(x * x) / below(x * x) for |x| <= 4, highest power first: Eigen's, to 5e-7 in float32."""


def polynomial(coefficients, x, out):
    """Horner's rule into `out`, which is not x."""
    out.fill(coefficients[0])
    for coefficient in coefficients[1:]:
        np.multiply(out, x, out=out)
        np.add(out, np.float32(coefficient), out=out)
    return out


def gelu_by_erf(x, out, scratch):
    """x / 2 * (1 + erf(x / sqrt(2))) into `out`, which may be x; three arrays of scratch."""
    z, square, below = scratch
    np.multiply(x, np.float32(math.sqrt(0.5)), out=z)
    np.clip(z, np.float32(-4), np.float32(4), out=z)
    np.multiply(z, z, out=square)
    np.divide(z, polynomial(ERF_BELOW, square, below), out=z)
    np.multiply(z, polynomial(ERF_ABOVE, square, below), out=z)
    np.add(z, np.float32(1), out=z)
    np.multiply(z, np.float32(0.5), out=z)
    np.multiply(x, z, out=out)


def gelu_by_tanh(x, out, scratch):
    """The same by Hendrycks and Gimpel's approximation."""
    z = scratch[0]
    np.multiply(x, x, out=z)
    np.multiply(z, np.float32(CUBIC), out=z)
    np.add(z, np.float32(1), out=z)
    np.multiply(z, x, out=z)
    np.multiply(z, np.float32(math.sqrt(2 / math.pi)), out=z)
    np.tanh(z, out=z)
    np.add(z, np.float32(1), out=z)
    np.multiply(z, np.float32(0.5), out=z)
    np.multiply(x, z, out=out)


class Transformer(object):
    """Operators of the backend, which has the buffers."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = weights["scale"], weights["B"]
        epsilon = np.float32(node.attrs.get("epsilon", 1e-5))

        def layer_normalization(x):
            out = self._target(node, x)
            np.subtract(x, x.mean(axis=-1, keepdims=True), out=out)
            var = np.einsum("...i,...i->...", out, out)[..., None] / np.float32(x.shape[-1])
            np.divide(out, np.sqrt(var + epsilon), out=out)
            np.multiply(out, scale, out=out)
            return np.add(out, shift, out=out)

        return layer_normalization

    def Gelu(self, node, weights):
        apply = gelu_by_erf if approximate(node) == "none" else gelu_by_tanh

        def gelu(x):
            whole = x.flags.c_contiguous
            x = x if whole else np.ascontiguousarray(x)
            out = self._target(node, x) if whole else x
            flat, into = x.reshape(-1), out.reshape(-1)
            scratch = self.buffers.get("gelu", (3, BLOCK))
            for first in range(0, x.size, BLOCK):
                part = flat[first : first + BLOCK]
                apply(part, into[first : first + BLOCK], scratch[:, : part.size])
            return out

        return gelu

    def Tanh(self, node, weights):
        return lambda x: np.tanh(x, out=self._target(node, x))

    def Reshape(self, node, weights):
        return lambda x: x.reshape(new_shape(node, x.shape))

    def Transpose(self, node, weights):
        return lambda x: x.transpose(node.attrs["perm"])  # a view: the BLAS takes rows of any distance

    def Slice(self, node, weights):
        return lambda x: x[ranges(node)]

    def Attention(self, node, weights):
        causal, masks = node.attrs.get("is_causal", 0), {}

        def attention(q, k, v):
            batch, heads, queries, depth = q.shape
            scaled = np.multiply(q, np.float32(scale_of(node, depth)), out=self.buffers.get("queries", q.shape))
            scores = self.buffers.get("scores", (batch, heads, queries, k.shape[2]))
            np.matmul(scaled, k.transpose(0, 1, 3, 2), out=scores)
            if causal:
                mask = masks.get(scores.shape[2:])
                if mask is None:
                    mask = np.where(visible(*scores.shape[2:]), np.float32(0), np.float32(-np.inf))
                    masks[scores.shape[2:]] = mask
                np.add(scores, mask, out=scores)
            np.subtract(scores, scores.max(axis=-1, keepdims=True), out=scores)
            np.exp(scores, out=scores)
            # Heads beside each other, as the product behind them wants: the Transpose between is a view then.
            out = self.buffers.get(node.name, (batch, queries, heads, v.shape[3])).transpose(0, 2, 1, 3)
            np.matmul(scores, v, out=out)
            return np.divide(out, scores.sum(axis=-1, keepdims=True), out=out)

        return attention
