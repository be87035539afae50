"""How does MXNet attend? Product by product: its interleaved operators take one matrix of queries, keys and values."""
# ruff: noqa: N802, N803, ARG001, ARG002, ARG005  (methods are called after ONNX's operators, all functions take the
# same arguments, and F is what MXNet calls its namespace of operators)

import math

import mxnet as mx

from workloads.backends.mxnet_sequence import parameter
from workloads.backends.reference_transformer import CUBIC, approximate, last_axis, ranges

LOWEST = -1e30
"""What is added to the score of a key that a query does not see: its exponential is 0."""


END = 2**31 - 1
"""ONNX's end of a Slice that goes as far as there is something: 1.5's refuses what is beyond."""


class Transformer(object):
    """Operators of the backend: each takes F (mx.nd or mx.sym), the parameters by name, and its inputs."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = parameter(node.name, "scale"), parameter(node.name, "B")
        epsilon = node.attrs.get("epsilon", 1e-5)
        return lambda F, p, x: F.LayerNorm(x, p[scale], p[shift], axis=-1, eps=epsilon)

    def Gelu(self, node, weights):
        if approximate(node) == "tanh":
            return gelu_by_tanh
        if is_old():  # whose gelu writes over its input, which its gradient needs
            return gelu_by_erf
        return lambda F, p, x: F.LeakyReLU(x, act_type="gelu")

    def Tanh(self, node, weights):
        return lambda F, p, x: F.Activation(x, act_type="tanh")

    def Reshape(self, node, weights):
        shape = tuple(node.attrs["shape"])  # with ONNX's meaning of 0 and -1
        return lambda F, p, x: F.reshape(x, shape=shape)

    def Transpose(self, node, weights):
        perm = tuple(node.attrs["perm"])
        return lambda F, p, x: F.transpose(x, axes=perm)

    def Slice(self, node, weights):
        cuts = ranges(node)
        begin = tuple(cut.start for cut in cuts)
        end = tuple(None if cut.stop is None or cut.stop >= END else cut.stop for cut in cuts)
        return lambda F, p, x: F.slice(x, begin=begin, end=end)

    def Attention(self, node, weights):
        causal, scale = bool(node.attrs.get("is_causal", 0)), node.attrs.get("scale")
        product = "linalg_gemm2" if is_old() else "batch_dot"  # the faster one, where it takes heads

        def attention(F, p, q, k, v):
            q = F.contrib.div_sqrt_dim(q) if scale is None else q * scale
            scores = getattr(F, product)(q, k, transpose_b=True)
            if causal:
                scores = F.broadcast_add(scores, LOWEST * unseen(F, scores))
            return getattr(F, product)(F.softmax(scores, axis=-1), v)

        return attention


def is_old():
    """Whether this is MXNet 1.5, the oldest here."""
    return mx.__version__.startswith("1.5.")


def gelu_by_erf(F, p, x):
    return x * (0.5 * F.erf(math.sqrt(0.5) * x) + 0.5)


def gelu_by_tanh(F, p, x):
    """Activation has oneDNN's tanh, F.tanh the C library's."""
    factor = math.sqrt(2 / math.pi)
    return x * (0.5 * F.Activation(x * (factor * CUBIC * F.square(x) + factor), act_type="tanh") + 0.5)


def unseen(F, scores):
    """[1,1,S,T] for scores [B,heads,S,T]: 1 where the key comes behind the query."""
    if not is_old():
        query = F.reshape(F.contrib.arange_like(scores, axis=2), shape=(1, 1, -1, 1))
        key = F.reshape(F.contrib.arange_like(scores, axis=3), shape=(1, 1, 1, -1))
        return F.broadcast_greater(key, query)
    places = F.contrib.index_array(F.slice(scores, begin=(0, 0), end=(1, 1)), axes=(2, 3))
    query, key = F.split(places, num_outputs=2, axis=4, squeeze_axis=True)
    return F.cast(F.broadcast_greater(key, query), dtype="float32")
