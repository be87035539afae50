"""What does each operator of a transformer pass back? Rules as those of gradient.py."""
# ruff: noqa: ARG001, ARG005  (all rules take the same)

import math

import numpy as np

from workloads.backends.reference_transformer import CUBIC, ERF, approximate, attended, last_axis, ranges, scale_of


def layer_normalization(node, weights, inputs, output, dy):
    last_axis(node)
    (x,) = inputs
    root = np.sqrt(x.var(axis=-1, keepdims=True) + node.attrs.get("epsilon", 1e-5))
    normal = (x - x.mean(axis=-1, keepdims=True)) / root
    others = tuple(range(x.ndim - 1))
    own = dy * weights["scale"]
    back = own - own.mean(axis=-1, keepdims=True) - normal * (own * normal).mean(axis=-1, keepdims=True)
    return [back / root], {"scale": (dy * normal).sum(axis=others), "B": dy.sum(axis=others)}


def gelu(node, weights, inputs, output, dy):
    (x,) = inputs
    if approximate(node) == "none":
        below = (1 + ERF(x * math.sqrt(0.5)).astype(x.dtype)) / 2
        return [dy * (below + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))], {}
    factor = math.sqrt(2 / math.pi)
    t = np.tanh(factor * (x + CUBIC * x * x * x))
    return [dy * ((1 + t) / 2 + x / 2 * (1 - t * t) * factor * (1 + 3 * CUBIC * x * x))], {}


def softmax(node, weights, inputs, output, dy):
    axis = node.attrs.get("axis", -1)
    return [output * (dy - (dy * output).sum(axis=axis, keepdims=True))], {}


def transpose(node, weights, inputs, output, dy):
    return [dy.transpose(np.argsort(node.attrs["perm"]))], {}


def cut(node, weights, inputs, output, dy):
    """Of a Slice: what was left out has no part in the loss."""
    dx = np.zeros_like(inputs[0])
    dx[ranges(node)] = dy
    return [dx], {}


def attention(node, weights, inputs, output, dy):
    q, k, v = inputs
    share, scale = attended(node, q, k), scale_of(node, q.shape[-1])
    to_share = np.matmul(dy, np.swapaxes(v, -1, -2))
    scores = share * (to_share - (to_share * share).sum(axis=-1, keepdims=True)) * scale
    turned = np.swapaxes(scores, -1, -2)
    return [np.matmul(scores, k), np.matmul(turned, q), np.matmul(np.swapaxes(share, -1, -2), dy)], {}


RULES = {
    "Attention": attention,
    "Gelu": gelu,
    "LayerNormalization": layer_normalization,
    "Reshape": lambda node, weights, inputs, output, dy: ([dy.reshape(inputs[0].shape)], {}),
    "Slice": cut,
    "Softmax": softmax,
    "Tanh": lambda node, weights, inputs, output, dy: ([dy * (1 - output * output)], {}),
    "Transpose": transpose,
}
