"""How does MXNet run a recurrent operator? Its fused operator `RNN`, over all weights of the layer in one vector.

All steps of all samples are computed: on a CPU the operator knows no lengths (`use_sequence_length` is cuDNN's), so
what lies behind a sample's own is masked afterwards, as Gluon's `unroll` with `valid_length` does. The operator's GRU
has the reset gate behind the product; the other form is a `foreach` over the steps.
"""
# ruff: noqa: N802, N803, ARG002, ARG005  (methods are called after ONNX's operators, all functions take the same
# arguments, and F is what MXNet calls its namespace of operators)

import re

import mxnet as mx
import numpy as np

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

ORDER = {"LSTM": "ifco", "GRU": "rzh"}
"""The operator's order of the gates."""

VECTOR = "parameters"
"""What the one vector is called: W, R, the bias of W and the bias of R."""


def parameter(node, key):
    """One name for a weight in a graph and in a block, where dots and slashes have a meaning."""
    return "{0}_{1}".format(re.sub(r"\W", "_", node), key)


def is_fused(node):
    return node.op == "LSTM" or (node.op == "GRU" and bool(node.attrs.get("linear_before_reset", 0)))


class Sequence(object):
    """Operators of the backend: each takes F (mx.nd or mx.sym), the parameters by name, and its inputs."""

    def packed(self, nodes, weights, *, learning=False):
        """The weights, those of each layer that the operator RNN computes as one vector."""
        self.specs, made = {}, dict(weights)
        for node in nodes:
            if is_fused(node):
                if not learning and mx.__version__.startswith("1.5.") and "MKLDNN" in self._features():
                    what = "at inference the operator RNN over MKL-DNN ends the process in mkldnn_stream_submit"
                    raise Unsupported("{0}: MXNet {1}: {2}".format(node.name, mx.__version__, what))
                spec = self.specs[node.name] = Recurrent(node, weights[node.name])
                parts = [spec.arranged(part, ORDER[node.op]).ravel() for part in (spec.w, spec.r)]
                parts += [spec.arranged(part, ORDER[node.op]) for part in (spec.wb, spec.rb) if part is not None]
                made[node.name] = {VECTOR: np.concatenate(parts)}
        return made

    def in_onnx_layout(self, found):
        """Gradients or weights by name, those of such layers taken apart again."""
        for name, spec in self.specs.items():
            vector, order = found.pop("{0}.{1}".format(name, VECTOR)), ORDER["LSTM" if len(spec.order) == 4 else "GRU"]
            ends = np.cumsum([part.size for part in (spec.w, spec.r, spec.wb) if part is not None])
            w, r = np.split(vector, ends)[:2]
            parts = [w.reshape(spec.w.shape), r.reshape(spec.r.shape)]
            parts += [part for part in np.split(vector, ends)[2:] if part.size]
            found.update(("{0}.{1}".format(name, key), array) for key, array in spec.learnt(order, *parts).items())
        return found

    def LSTM(self, node, weights):
        return self._fused(node)

    def GRU(self, node, weights):
        return self._fused(node) if is_fused(node) else self._reset_before(node, weights)

    def _fused(self, node):
        spec, name = self.specs[node.name], parameter(node.name, VECTOR)
        absent = len(spec.w) * sum(bias is None for bias in (spec.wb, spec.rb))  # the operator has always two biases
        options = {"state_size": spec.hidden, "num_layers": 1, "mode": node.op.lower(), "state_outputs": True}

        def fused(F, p, x, lengths=None, *initial):
            vector = F.concat(p[name], F.zeros((absent,)), dim=0) if absent else p[name]
            states = [self._start(F, spec, each) for each in initial]
            while len(states) < (2 if node.op == "LSTM" else 1):
                states.append(self._start(F, spec, None))
            states = [F.expand_dims(state, axis=0) for state in states]
            found = F.RNN(F.swapaxes(x, dim1=0, dim2=1), vector, *states, **options)
            last = F.reshape(found[1], shape=(-3, -2)) if lengths is None else None
            return self._result(F, spec, found[0], last, lengths)

        return fused

    def _reset_before(self, node, weights):
        if self.execution == "hybrid":  # 1.9.1: another number in every run, up to 1e30
            what = "mode 'hybrid': what foreach returns in a block of static memory is not what it computed"
            raise Unsupported("{0}: {1}".format(node.name, what))
        spec, keys = Recurrent(node, weights), sorted(weights)
        names = {key: parameter(node.name, key) for key in keys}
        hidden, width = spec.hidden, len(spec.w)

        def before(F, p, x, lengths=None, h=None):
            w, r = [F.reshape(p[names[key]], shape=(-3, -2)) for key in ("W", "R")]
            options = {"num_hidden": width, "flatten": False}
            turned = F.swapaxes(x, dim1=0, dim2=1)
            if spec.wb is None:
                gates = F.FullyConnected(turned, w, no_bias=True, **options)
            else:
                biases = F.sum(F.reshape(p[names["B"]], shape=(-1, width)), axis=0)
                gates = F.FullyConnected(turned, w, biases, **options)
            of_gates = F.slice_axis(r, axis=0, begin=0, end=2 * hidden)
            of_state = F.slice_axis(r, axis=0, begin=2 * hidden, end=width)

            def step(here, states):
                (state,) = states
                inner = F.FullyConnected(state, of_gates, no_bias=True, num_hidden=2 * hidden)
                both = F.sigmoid(F.slice_axis(here, axis=1, begin=0, end=2 * hidden) + inner)
                z = F.slice_axis(both, axis=1, begin=0, end=hidden)
                reset = F.slice_axis(both, axis=1, begin=hidden, end=2 * hidden)
                inner = F.FullyConnected(reset * state, of_state, no_bias=True, num_hidden=hidden)
                n = F.tanh(F.slice_axis(here, axis=1, begin=2 * hidden, end=width) + inner)
                state = n + z * (state - n)
                return state, [state]

            outputs, states = F.contrib.foreach(step, gates, [self._start(F, spec, h)])
            return self._result(F, spec, outputs, states[0], lengths)

        return before

    def _start(self, F, spec, state):
        """[B,H]"""
        return F.zeros((next(iter(self.shapes.values()))[0], spec.hidden)) if state is None else state

    @staticmethod
    def _result(F, spec, outputs, last, lengths):
        """What the node's one output is, of outputs [T,B,H] and the state [B,H] behind all steps."""
        if not spec.sequence:
            return last if lengths is None else F.SequenceLast(outputs, lengths, use_sequence_length=True)
        if lengths is not None:
            outputs = F.SequenceMask(outputs, lengths, use_sequence_length=True)
        return F.swapaxes(outputs, dim1=0, dim2=1)

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        name, (rows, width) = parameter(node.name, "data"), weights["data"].shape
        if rows > 1 << 24:
            raise Unsupported("{0}: rows are counted in float32, which ends at 2**24".format(node.name))
        return lambda F, p, x: F.Embedding(x, p[name], input_dim=rows, output_dim=width)

    def ReduceSum(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda F, p, x: F.sum(x, axis=axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda F, p, x: F.mean(x, axis=axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda F, p, x: F.expand_dims(x, axis=axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda F, p, x: F.cast(x, dtype="float32")

    def Div(self, node, weights):
        return lambda F, p, a, b: F.broadcast_div(a, b)
