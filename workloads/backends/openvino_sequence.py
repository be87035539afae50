"""How does OpenVINO run a recurrent operator? In its own LSTMSequence and GRUSequence, which take lengths."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from openvino import opset13 as ops

from workloads.backends.base import Unsupported
from workloads.backends.openvino_transformer import integers
from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of the backend, as nodes of a graph."""

    def LSTM(self, node, weights):
        spec = Recurrent(node, weights)
        w, r, b = [constant(spec.arranged(each, "fico")) for each in (spec.w, spec.r, sum(spec.biases()))]

        def lstm(x, lengths=None, h=None, c=None):
            states = [zeros(x, spec.hidden) if state is None else one_direction(state) for state in (h, c)]
            found = ops.lstm_sequence(x, *states, steps(x, lengths), w, r, b, spec.hidden, "forward")
            return chosen(spec, found)

        return lstm

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        outer, inner = spec.biases()
        b = outer + inner
        if spec.after:  # the two of the hidden gate stay apart
            b = np.concatenate([b[: 2 * spec.hidden], outer[2 * spec.hidden :], inner[2 * spec.hidden :]])
        w, r, b = [constant(each) for each in (spec.w, spec.r, b)]

        def gru(x, lengths=None, h=None):
            state = zeros(x, spec.hidden) if h is None else one_direction(h)
            options = {"linear_before_reset": spec.after}
            found = ops.gru_sequence(x, state, steps(x, lengths), w, r, b, spec.hidden, "forward", **options)
            return chosen(spec, found)

        return gru

    def ReduceSum(self, node, weights):
        axes, keep = integers(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: ops.reduce_sum(x, axes, keep_dims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = integers(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: ops.reduce_mean(x, axes, keep_dims=keep)

    def Unsqueeze(self, node, weights):
        axes = integers(node.attrs["axes"])
        return lambda x: ops.unsqueeze(x, axes)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: ops.convert(x, "f32")

    def Div(self, node, weights):
        return ops.divide


def constant(array):
    """[1,...], for the one direction."""
    return ops.constant(np.ascontiguousarray(array[None], np.float32))


def one_direction(state):
    """[B,H] as [B,1,H]"""
    return ops.unsqueeze(state, integers(1))


def length(x, axis):
    """[1], read from the graph: the mode `throughput` gives it another batch."""
    return ops.gather(ops.shape_of(x), integers([axis]), integers(0))


def zeros(x, hidden):
    """[B,1,H]"""
    return ops.broadcast(ops.constant(np.float32(0)), ops.concat([length(x, 0), integers([1, hidden])], 0))


def steps(x, lengths):
    """[B]: how many of each sample count."""
    return ops.broadcast(length(x, 1), length(x, 0)) if lengths is None else lengths


def chosen(spec, found):
    """All states [B,T,H], or the last one [B,H], without the axis of directions."""
    return ops.squeeze(found.output(0 if spec.sequence else 1), integers([1]))
