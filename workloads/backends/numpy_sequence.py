"""How does numpy run a recurrent operator? One large product for the inputs of all steps, then a small one per step.

The samples are sorted by length, the longest first, and a step computes only those that still have one: what
cuDNN and PyTorch call a packed sequence.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

ONE = np.float32(1)


def sigmoid(x):
    """In place."""
    np.negative(x, out=x)
    with np.errstate(over="ignore"):  # an infinity, whose reciprocal is the right 0
        np.exp(x, out=x)
    np.add(x, ONE, out=x)
    return np.reciprocal(x, out=x)


class Steps(object):
    """How many samples take each step, and in which order they lie: sample order[0] is the longest."""

    def __init__(self, x, lengths):
        batch, steps = x.shape[:2]
        self.order = None if lengths is None else np.argsort(-lengths, kind="mergesort")
        self.counts = [batch] * steps if lengths is None else [int((lengths > t).sum()) for t in range(lengths.max())]
        self.ends = np.cumsum(self.counts)

    def packed(self, x, out):
        """Rows of x [B,T,I], step after step, into out [sum of lengths, I]."""
        if self.order is not None:
            x = x[self.order]
        for t, (count, end) in enumerate(zip(self.counts, self.ends)):  # noqa: B905  (3.10 has it)
            out[end - count : end] = x[:count, t]
        return out

    def sorted(self, state):
        """[B,H] in the order of the steps, in memory of its own."""
        return state.copy() if self.order is None else state[self.order]

    def restored(self, state):
        """[B,H] in the order of the samples."""
        if self.order is None:
            return state
        out = np.empty_like(state)
        out[self.order] = state
        return out


class Sequence(object):
    """LSTM, GRU, and what is done to a sequence before and behind them; `buffers` are the backend's."""

    def LSTM(self, node, weights):
        spec = Recurrent(node, weights)
        r, hidden = spec.r.T, spec.hidden  # a view: the BLAS takes it transposed

        def lstm(gates, state, work):
            h, c = state
            gates += np.dot(h, r, out=work)
            sigmoid(gates[:, : 3 * hidden])
            i, o, f, g = [gates[:, k * hidden : (k + 1) * hidden] for k in range(4)]
            np.tanh(g, out=g)
            np.multiply(c, f, out=c)
            c += np.multiply(i, g, out=g)
            np.tanh(c, out=h)
            np.multiply(h, o, out=h)

        return self._stepped(node, spec, sum(spec.biases()), lstm, 2)

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        hidden = spec.hidden
        r, of_both, of_new = spec.r.T, spec.r[: 2 * hidden].T, spec.r[2 * hidden :].T
        before, inner = spec.biases()
        bias = np.concatenate([(before + inner)[: 2 * hidden], before[2 * hidden :]])
        inner = inner[2 * hidden :]
        if not spec.after:
            bias[2 * hidden :] += inner

        def gru(gates, state, work):
            (h,) = state
            both, n = gates[:, : 2 * hidden], gates[:, 2 * hidden :]
            z, reset = both[:, :hidden], both[:, hidden:]
            product = work[:, 2 * hidden :]
            if spec.after:
                np.dot(h, r, out=work)
                both += work[:, : 2 * hidden]
                sigmoid(both)
                product += inner
                n += np.multiply(product, reset, out=product)
            else:
                both += np.dot(h, of_both)
                sigmoid(both)
                n += np.dot(np.multiply(h, reset, out=reset), of_new)
            np.tanh(n, out=n)
            h -= n
            np.multiply(h, z, out=h)
            h += n  # (1 - z) n + z h

        return self._stepped(node, spec, bias, gru, 1)

    def _stepped(self, node, spec, bias, step, states):
        """`step(gates, state, work)`: gates [n,G*H] has the inputs' part, the state is a tuple of [n,H], in place."""
        w, width = spec.w.T, len(spec.w)

        def stepped(x, lengths=None, *initial):
            steps = Steps(x, lengths)
            batch, total = len(x), int(steps.ends[-1])
            rows = steps.packed(x, self._rows(node.name + ".x", total, x.shape[2]))
            gates = np.dot(rows, w, out=self._rows(node.name + ".gates", total, width))
            gates += bias
            state = [steps.sorted(given) for given in initial]
            state += [self._zeros(node, (batch, spec.hidden), number) for number in range(len(initial), states)]
            work = self.buffers.get(node.name + ".work", (batch, width))
            y = self._outputs(node, (batch, x.shape[1], spec.hidden), lengths) if spec.sequence else None
            for t, (count, end) in enumerate(zip(steps.counts, steps.ends)):  # noqa: B905  (3.10 has it)
                step(gates[end - count : end], [each[:count] for each in state], work[:count])
                if y is not None:
                    y[slice(count) if steps.order is None else steps.order[:count], t] = state[0][:count]
            return steps.restored(state[0]) if y is None else y

        return stepped

    def _rows(self, owner, count, width):
        """float32 [count,width] of a buffer that grows: how many rows a batch has depends on its lengths."""
        key = (owner, width)
        if key not in self.buffers.made or len(self.buffers.made[key]) < count:
            self.buffers.made[key] = np.zeros((count, width), np.float32)
        return self.buffers.made[key][:count]

    def _outputs(self, node, shape, lengths):
        y = self.buffers.get(node.name, shape)
        if lengths is not None:
            y.fill(0)  # behind a sample's length
        return y

    def _zeros(self, node, shape, number):
        state = self.buffers.get("{0}.state{1}".format(node.name, number), shape)
        state.fill(0)
        return state

    def ReduceSum(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.sum(axis=axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: x.mean(axis=axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: np.expand_dims(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: x.astype(np.float32)
