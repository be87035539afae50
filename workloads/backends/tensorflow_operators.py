"""Which operators does every TensorFlow write alike, from 1.3 to today's? In NHWC, which its CPU kernels want."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import tensorflow as tf

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.padding import is_same

FROM_NCHW = (0, 3, 1, 2)
"""Where an axis of NCHW lies in NHWC."""


def conv_padding(node):
    """ONNX's pads as the `padding` of a convolution: a word where one says the same, otherwise pairs."""
    return "SAME" if is_same(node) else pairs(node.attrs.get("pads", [0, 0, 0, 0]))


def pairs(pads):
    """[top, left, bottom, right] in NHWC, for each axis before and after; `VALID` where all are 0."""
    top, left, bottom, right = pads
    return [[0, 0], [top, bottom], [left, right], [0, 0]] if any(pads) else "VALID"


def pool_geometry(node):
    """(kernel, strides, padding) of a pool."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    return node.attrs["kernel_shape"], node.attrs.get("strides", [1, 1]), pairs(node.attrs.get("pads", [0, 0, 0, 0]))


def nhwc(shape):
    """The shape of an image batch with its channels last; any other shape as it is."""
    return [shape[0], shape[2], shape[3], shape[1]] if len(shape) == 4 else list(shape)


def cross_entropy(logits, labels):
    """Its mean over the batch."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def mean_squared_error(output, targets):
    """Over all numbers."""
    return tf.reduce_mean(tf.square(output - targets))


def population(unbiased, x):
    """The variance of the numbers of x, NHWC, where a fused batch norm gives what it estimates from them."""
    shape = x.shape.as_list()
    count = shape[0] * shape[1] * shape[2]
    return unbiased * ((count - 1.0) / count)


LOSSES = {"cross_entropy": cross_entropy, "mean_squared_error": mean_squared_error}


class Operators(base.Backend):
    """What a backend of TensorFlow inherits; it adds convolutions, pools, norms, and what holds a weight."""

    images = True
    """Whether tensors of four axes are images, their channels last."""

    def _image(self, x):
        """Whether a tensor has its channels last."""
        return self.images and len(x.shape) == 4

    def learnt_weight(self, node, key, array, axes=None, back=None):
        """A weight with its axes in TensorFlow's order, that remembers its name and the way back to ONNX's."""
        raise NotImplementedError

    def Relu(self, node, weights):
        return tf.nn.relu

    def GlobalAveragePool(self, node, weights):
        return lambda x: tf.reduce_mean(x, [1, 2], True)  # noqa: FBT003  (`keep_dims` until 1.4, `keepdims` since)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            shape = x.shape.as_list()
            if self._image(x) and shape[1] * shape[2] > 1 and not node.attrs.get("channels_last", 0):
                x = tf.transpose(x, [0, 3, 1, 2])
            return tf.reshape(x, [shape[0], -1])

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self.learnt_weight(node, "B", weights["B"], *([(1, 0)] * 2 if node.attrs.get("transB", 0) else ()))
        if "C" not in weights:
            return lambda x: tf.matmul(x, b)
        c = self.learnt_weight(node, "C", weights["C"])
        return lambda x: tf.nn.bias_add(tf.matmul(x, b), c)

    def MatMul(self, node, weights):
        return tf.matmul

    def Add(self, node, weights):
        return tf.add

    def Mul(self, node, weights):
        return tf.multiply

    def Concat(self, node, weights):
        axis = node.attrs["axis"]
        return lambda *tensors: tf.concat(tensors, FROM_NCHW[axis] if self._image(tensors[0]) else axis)

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        return tf.nn.relu6 if (low, high) == (0, 6) else lambda x: tf.clip_by_value(x, low, high)

    def Sigmoid(self, node, weights):
        return tf.sigmoid

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        if size % 2 == 0:
            raise Unsupported("{0}: TensorFlow's window has a radius, not an even size".format(node.name))
        alpha, beta, bias = attrs.get("alpha", 1e-4) / size, attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return lambda x: tf.nn.local_response_normalization(x, size // 2, bias, alpha, beta)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)

        def softmax(x):
            rank = len(x.shape)
            return tf.nn.softmax(x, FROM_NCHW[axis] if self._image(x) else axis % rank)  # `dim` until 1.4, `axis` since

        return softmax
