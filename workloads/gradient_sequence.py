"""What is the gradient through a recurrent operator? The rules of gradient.py for what reference_sequence.py defines.

Backpropagation through time: the steps are computed again and kept, then walked from the last to the first.
"""
# ruff: noqa: ARG001  (all rules take the same)

import numpy as np

from workloads.backends.reference_sequence import Cell, valid


def recurrent(node, weights, inputs, output, dy):
    """dy is [B,T,H] of all states, or [B,H] of the last one that counts; a step behind a sample's length passes on."""
    x, lengths = inputs[0], inputs[1] if len(inputs) > 1 else None
    cell = Cell(node, weights, x.dtype)
    owned = valid(x, lengths)
    states, gates = [cell.start(x, *inputs[2:])], []
    for t, own in enumerate(owned):
        new, found = cell.step(x[:, t], states[-1])
        states.append(tuple(np.where(own, *pair) for pair in zip(new, states[-1])))  # noqa: B905
        gates.append(found)
    dx = np.zeros_like(x)
    total = Sums(cell)
    back = [np.zeros_like(state) for state in states[0]]
    if not cell.spec.sequence:
        back[0] = back[0] + dy
    backward = lstm if node.op == "LSTM" else gru
    for t in reversed(range(len(gates))):
        if cell.spec.sequence:
            back[0] = back[0] + np.where(owned[t], dy[:, t], 0)
        into = [np.where(owned[t], each, 0) for each in back]
        passed = [np.where(owned[t], 0, each) for each in back]
        dx[:, t], before = backward(cell, total, (x[:, t], states[t], gates[t]), into)
        back = [one + two for one, two in zip(passed, before)]  # noqa: B905
    return [dx, None] + back, total.learnt(weights)


class Sums(object):
    """The gradients of W, R and both biases, added up over the steps."""

    def __init__(self, cell):
        self.w, self.r = np.zeros_like(cell.w), np.zeros_like(cell.r)
        self.wb, self.rb = np.zeros_like(cell.wb), np.zeros_like(cell.rb)

    def add(self, x, of_w, of_r, r):
        """`of_w` [B,G*H]: the gradient of what W and its bias give to the gates; `of_r` the same of R; `r`: R's own."""
        self.w += of_w.T.dot(x)
        self.r += r
        self.wb += of_w.sum(axis=0)
        self.rb += of_r.sum(axis=0)

    def learnt(self, weights):
        """By ONNX's names, in the shapes of the weights."""
        found = {"W": self.w[None], "R": self.r[None]}
        if "B" in weights:
            both = np.concatenate([self.wb, self.rb])
            found["B"] = both[: weights["B"].size][None]
        return found


def lstm(cell, total, kept, back):
    """(gradient of x, gradients of the state before): h = o tanh(c), c = f c' + i g."""
    (x, (h, c), (i, o, f, g)), (dh, dc) = kept, back
    squashed = np.tanh(f * c + i * g)
    dc = dc + dh * o * (1 - squashed**2)
    parts = [dc * g * i * (1 - i), dh * squashed * o * (1 - o), dc * c * f * (1 - f), dc * i * (1 - g**2)]
    dgates = np.concatenate(parts, axis=1)
    total.add(x, dgates, dgates, dgates.T.dot(h))
    return dgates.dot(cell.w), [dgates.dot(cell.r), dc * f]


def gru(cell, total, kept, back):
    """(gradient of x, [that of the state before]): h = (1 - z) n + z h'."""
    (x, (h,), (z, r, n, product)), (dh,) = kept, back
    dn = dh * (1 - z) * (1 - n**2)
    dz = dh * (h - n) * z * (1 - z)
    rz, rr, rn = np.split(cell.r, 3)
    before = dh * z
    if cell.spec.after:
        dr = dn * product * r * (1 - r)
        of_w, of_r = np.concatenate([dz, dr, dn], axis=1), np.concatenate([dz, dr, dn * r], axis=1)
        total.add(x, of_w, of_r, of_r.T.dot(h))
        return of_w.dot(cell.w), [before + of_r.dot(cell.r)]
    reset = dn.dot(rn)  # of r * h', which R multiplies here
    dr = reset * h * r * (1 - r)
    of_w = np.concatenate([dz, dr, dn], axis=1)
    total.add(x, of_w, of_w, np.concatenate([dz.T.dot(h), dr.T.dot(h), dn.T.dot(r * h)]))
    return of_w.dot(cell.w), [before + dz.dot(rz) + dr.dot(rr) + reset * r]


def reduce_sum(node, weights, inputs, output, dy):
    return [_spread(node, inputs[0], dy)], {}


def reduce_mean(node, weights, inputs, output, dy):
    (x,) = inputs
    return [_spread(node, x, dy) * (output.size / x.size)], {}


def _spread(node, x, dy):
    """dy, back over the axes that were added up."""
    shape = [1 if axis in node.attrs["axes"] else length for axis, length in enumerate(x.shape)]
    return np.broadcast_to(dy.reshape(shape), x.shape)


def unsqueeze(node, weights, inputs, output, dy):
    return [dy.reshape(inputs[0].shape)], {}


def cast(node, weights, inputs, output, dy):
    """Of integers: there is none."""
    return [None], {}


RULES = {
    "Cast": cast,
    "GRU": recurrent,
    "LSTM": recurrent,
    "ReduceMean": reduce_mean,
    "ReduceSum": reduce_sum,
    "Unsqueeze": unsqueeze,
}
