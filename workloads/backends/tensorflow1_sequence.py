"""How does TensorFlow 1 run a recurrent operator? `tf.nn.dynamic_rnn` over a cell, with the lengths where given.

The cells compute what tf.nn.rnn_cell.LSTMCell and GRUCell do, one product of the input and the state side by side, and
with the reset gate behind the product what tf.contrib.cudnn_rnn's CudnnCompatibleGRUCell does: those make variables of
their own. ONNX's order of the gates is kept, as any will do.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
import tensorflow as tf

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent


class Lstm(tf.nn.rnn_cell.RNNCell):
    """LSTMCell without a forget bias; kernel [I+H,4H], its state (h, c)."""

    def __init__(self, hidden, kernel, bias):
        super(Lstm, self).__init__()
        self.hidden, self.kernel, self.offset = hidden, kernel, bias

    @property
    def state_size(self):
        return (self.hidden, self.hidden)

    @property
    def output_size(self):
        return self.hidden

    def call(self, x, state):
        h, c = state
        gates = biased(tf.matmul(tf.concat([x, h], 1), self.kernel), self.offset)
        i, o, f, g = tf.split(gates, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, (h, c)


class Gru(tf.nn.rnn_cell.RNNCell):
    """A GRU; kernel [I+H,3H]. What a step takes of it is cut out here, before the loop."""

    def __init__(self, spec, kernel, outer, inner):
        super(Gru, self).__init__()
        size, both = spec.w.shape[1], 2 * spec.hidden
        self.hidden, self.after = spec.hidden, spec.after
        self.gates = kernel[:, :both]
        self.candidate = (kernel[:size, both:], kernel[size:, both:]) if spec.after else kernel[:, both:]
        joined = outer if inner is None else outer + inner
        self.offset = None if joined is None else joined[:both]
        if spec.after:
            self.outer, self.inner = [None if one is None else one[both:] for one in (outer, inner)]
        else:
            self.outer = None if joined is None else joined[both:]

    @property
    def state_size(self):
        return self.hidden

    @property
    def output_size(self):
        return self.hidden

    def call(self, x, h):
        gates = tf.sigmoid(biased(tf.matmul(tf.concat([x, h], 1), self.gates), self.offset))
        z, reset = tf.split(gates, 2, axis=1)
        if self.after:
            of_x, of_h = [tf.matmul(one, part) for one, part in zip((x, h), self.candidate)]  # noqa: B905
            n = biased(of_x, self.outer) + reset * biased(of_h, self.inner)
        else:
            n = biased(tf.matmul(tf.concat([x, reset * h], 1), self.candidate), self.outer)
        h = z * h + (1 - z) * tf.tanh(n)
        return h, h


class Sequence(object):
    """Operators of the backend, which makes variables of the weights."""

    def LSTM(self, node, weights):
        spec, kernel, outer, inner = self._recurrent(node, weights)

        def lstm(x, lengths=None, h=None, c=None):
            cell = Lstm(spec.hidden, kernel, outer if inner is None else outer + inner)
            zeros = tf.zeros([x.shape[0].value, spec.hidden])
            start = tuple(zeros if each is None else each for each in (h, c))
            outputs, state = tf.nn.dynamic_rnn(cell, x, lengths, start, scope=node.name)
            return outputs if spec.sequence else state[0]

        return lstm

    def GRU(self, node, weights):
        spec, kernel, outer, inner = self._recurrent(node, weights)

        def gru(x, lengths=None, h=None):
            cell = Gru(spec, kernel, outer, inner)
            start = tf.zeros([x.shape[0].value, spec.hidden]) if h is None else h
            outputs, state = tf.nn.dynamic_rnn(cell, x, lengths, start, scope=node.name)
            return outputs if spec.sequence else state

        return gru

    def _recurrent(self, node, weights):
        """The Recurrent, W above R as one variable [I+H,G*H], and the biases of W and of R, each [G*H] or None."""
        spec = Recurrent(node, weights)
        size, width = spec.w.shape[1], len(spec.w)
        both = np.ascontiguousarray(np.concatenate([spec.w, spec.r], axis=1).T)
        kernel = self.weight(both, trainable=self.running is not None)
        # Two of ONNX's weights are parts of one variable here.
        self.learnt[node.name + ".W"] = [(kernel, lambda found: found[:size].T[None])]
        self.learnt[node.name + ".R"] = [(kernel, lambda found: found[size:].T[None])]
        if spec.wb is None:
            return spec, kernel, None, None
        bias = tf.squeeze(self.learnt_weight(node, "B", weights["B"]), 0)
        return spec, kernel, bias[:width], None if spec.rb is None else bias[width:]

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data, shape = self.weight(weights["data"], trainable=self.running is not None), weights["data"].shape
        self.learnt[node.name + ".data"] = [(data, lambda found: dense(found, shape))]
        return lambda rows: tf.nn.embedding_lookup(data, rows)

    def ReduceSum(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: tf.reduce_sum(x, axes, keep)  # `keep_dims` until 1.4, `keepdims` since

    def ReduceMean(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: tf.reduce_mean(x, axes, keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: tf.expand_dims(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: tf.cast(x, tf.float32)

    def Div(self, node, weights):
        return tf.divide


def biased(x, bias):
    return x if bias is None else tf.nn.bias_add(x, bias)


def dense(found, shape):
    """The gradient of a table: what TensorFlow has of it are the rows that were read, each as often as it was."""
    if not isinstance(found, tuple):
        return found
    made = np.zeros(shape, np.float32)
    np.add.at(made, found.indices, found.values)
    return made
