"""What do ONNX's recurrent operators compute, and what makes one vector of a sequence? Plain numpy, step by step."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent


def sigmoid(x):
    with np.errstate(over="ignore"):  # an infinity, whose reciprocal is the right 0
        return 1 / (1 + np.exp(-x))


class Cell(object):
    """One step of a Recurrent in `dtype`: takes a sample's input [B,I] and its state, a tuple of [B,H]."""

    def __init__(self, node, weights, dtype):
        self.spec = Recurrent(node, weights)
        self.w, self.r = self.spec.w.astype(dtype), self.spec.r.astype(dtype)
        self.wb, self.rb = [bias.astype(dtype) for bias in self.spec.biases(dtype)]
        self.states = 2 if node.op == "LSTM" else 1
        self.step = self.lstm if node.op == "LSTM" else self.gru

    def lstm(self, x, state):
        """((h, c), the gates i, o, f, g)."""
        h, c = state
        i, o, f, g = np.split(x.dot(self.w.T) + self.wb + h.dot(self.r.T) + self.rb, 4, axis=1)
        i, o, f, g = sigmoid(i), sigmoid(o), sigmoid(f), np.tanh(g)
        c = f * c + i * g
        return (o * np.tanh(c), c), (i, o, f, g)

    def gru(self, x, state):
        """((h,), the gates z, r, n and what r multiplies in the form that resets behind the product)."""
        (h,) = state
        wz, wr, wn = np.split(self.w, 3)
        rz, rr, rn = np.split(self.r, 3)
        (az, ar, an), (bz, br, bn) = np.split(self.wb, 3), np.split(self.rb, 3)
        z = sigmoid(x.dot(wz.T) + az + h.dot(rz.T) + bz)
        r = sigmoid(x.dot(wr.T) + ar + h.dot(rr.T) + br)
        product = h.dot(rn.T) + bn
        n = np.tanh(x.dot(wn.T) + an + (r * product if self.spec.after else (r * h).dot(rn.T) + bn))
        return ((1 - z) * n + z * h,), (z, r, n, product)

    def start(self, x, h=None, c=None):
        """The state before the first step: zeros where none is given."""
        given = (h, c)[: self.states]
        return tuple(np.zeros((len(x), self.spec.hidden), x.dtype) if state is None else state for state in given)


def valid(x, lengths):
    """[T,B,1]: whether a step of a sample is one of its own, and not behind its length."""
    steps = np.arange(x.shape[1])[:, None, None]
    return steps < (np.full(len(x), x.shape[1]) if lengths is None else lengths)[:, None]


class Sequence(object):
    """LSTM, GRU, and what is done to a sequence before and behind them."""

    def _recurrent(self, node, weights):
        cell = Cell(node, weights, self.dtype)

        def recurrent(x, lengths=None, *initial):
            state, outputs = cell.start(x, *initial), []
            for t, own in enumerate(valid(x, lengths)):
                new, _ = cell.step(x[:, t], state)
                state = tuple(np.where(own, after, before) for after, before in zip(new, state))  # noqa: B905
                outputs.append(np.where(own, state[0], 0))
            return np.stack(outputs, axis=1) if cell.spec.sequence else state[0]

        return recurrent

    LSTM = GRU = _recurrent

    def ReduceSum(self, node, weights):
        """With ONNX's attributes of opset 11, as ReduceMean and Unsqueeze: later ones take the axes as an input."""
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.sum(axis=axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.mean(axis=axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: np.expand_dims(x, axis)

    def Cast(self, node, weights):
        """To ONNX's FLOAT, 1: here the precision that all is computed in."""
        if node.attrs["to"] != 1:
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: x.astype(self.dtype)
