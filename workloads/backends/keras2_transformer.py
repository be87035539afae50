"""How does Keras 2 attend? In its backend's `batch_dot`, which knows one batch axis: heads become samples of their own.

It has no layer for the norm of a layer, no Gelu and no attention; this is what its users wrote for BERT (keras-bert,
keras-multi-head, keras-layer-normalization).
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import numpy as np
from keras import backend as K  # noqa: N812  (its usual name)
from keras import layers

from workloads.backends.base import Unsupported
from workloads.backends.keras2_training import same_array
from workloads.backends.reference_transformer import (
    CUBIC,
    approximate,
    last_axis,
    new_shape,
    ranges,
    scale_of,
    visible,
)


class Norm(layers.Layer):
    """Over the last axis, with a scale and a shift; `initial` makes them."""

    def __init__(self, epsilon, initial):
        super(Norm, self).__init__()
        self.epsilon, self.initial = epsilon, initial

    def build(self, input_shape):
        names = ("gamma", "beta")
        self.gamma, self.beta = [self.add_weight(name, input_shape[-1:], initializer=self.initial) for name in names]
        super(Norm, self).build(input_shape)

    def call(self, x):
        centred = x - K.mean(x, axis=-1, keepdims=True)
        var = K.mean(K.square(centred), axis=-1, keepdims=True)
        return centred / K.sqrt(var + self.epsilon) * self.gamma + self.beta


class Transformer(object):
    """Operators of the backend, each a function from symbolic tensors to one."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        layer = Norm(node.attrs.get("epsilon", 1e-5), self.below.empty)
        return self.weighted(node, layer, [(key, weights[key], same_array) for key in ("scale", "B")])

    def Gelu(self, node, weights):
        if approximate(node) == "tanh":
            return applied(gelu_by_tanh)
        erf = self.below.erf(node)
        return applied(lambda x: 0.5 * x * (1 + erf(x * math.sqrt(0.5))))

    def Tanh(self, node, weights):
        return layers.Activation("tanh")

    def Reshape(self, node, weights):
        def reshape(x):
            shape = list(new_shape(node, K.int_shape(x)))
            known = shape[:]
            if -1 in shape:
                known[shape.index(-1)] = int(np.prod(K.int_shape(x)) // -np.prod(shape))
            if known[0] == K.int_shape(x)[0]:
                return layers.Reshape(known[1:])(x)
            # What is merged with its batch, or is split from it, no layer of Keras's own takes.
            return shaped(lambda one: K.reshape(one, shape), known)(x)

        return reshape

    def Transpose(self, node, weights):
        if node.attrs["perm"][0] != 0:
            raise Unsupported("{0}: Permute leaves the batch in front".format(node.name))
        return layers.Permute(node.attrs["perm"][1:])

    def Slice(self, node, weights):
        if 0 in node.attrs["axes"] and K.backend() == "cntk":
            raise Unsupported("{0}: over CNTK the batch is no axis that is cut".format(node.name))

        def cut(x):
            known, chosen = list(K.int_shape(x)), list(ranges(node))
            for axis in node.attrs["axes"]:
                start, stop, _ = chosen[axis].indices(known[axis])  # CNTK knows no end behind the last
                known[axis], chosen[axis] = stop - start, slice(start, stop)
            return shaped(lambda one: one[tuple(chosen)], known)(x)

        return cut

    def MatMul(self, node, weights):
        def matmul(a, b):
            shape = K.int_shape(a)[:-1] + K.int_shape(b)[-1:]
            if len(shape) == 2:
                return shaped(lambda pair: self.below.product(*pair), shape)([a, b])
            return shaped(lambda pair: joined(K.batch_dot(*[parted(x) for x in pair]), shape), shape)([a, b])

        return matmul

    def Attention(self, node, weights):
        causal = node.attrs.get("is_causal", 0)

        def attention(q, k, v):
            shape, keys = K.int_shape(q)[:-1] + K.int_shape(v)[-1:], K.int_shape(k)[2]
            scale = scale_of(node, K.int_shape(q)[-1])

            def attended(tensors):
                q, k, v = [parted(x) for x in tensors]
                scores = K.batch_dot(q * scale, k, axes=2)
                if causal:
                    unseen = np.where(visible(shape[2], keys), np.float32(0), np.float32(-np.inf))
                    scores = scores + K.constant(unseen)
                return joined(K.batch_dot(K.softmax(scores), v), shape)

            return shaped(attended, shape)([q, k, v])

        return attention


def shaped(function, shape):
    """A layer of the function, whose output has that shape, batch and all."""
    return layers.Lambda(function, output_shape=lambda _: tuple(shape))


def parted(x):
    """[B,heads,S,d] as [B*heads,S,d]."""
    return K.reshape(x, (-1,) + K.int_shape(x)[-2:])


def joined(x, shape):
    """[B*heads,S,d] in that shape again."""
    return K.reshape(x, (-1,) + shape[1:])


def applied(function):
    """A layer of an elementwise function."""
    return layers.Lambda(function, output_shape=lambda shape: shape)


def gelu_by_tanh(x):
    return 0.5 * x * (1 + K.tanh(math.sqrt(2 / math.pi) * (x + CUBIC * x * x * x)))
