"""How does PaddlePaddle run a recurrent operator? Its layers LSTM and GRU, each one kernel that takes the lengths.

Its GRU has the reset gate behind the product. The other form is a loop in Python: a program has its steps one by one.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812  (its usual name)

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

ORDER = {"LSTM": "ifco", "GRU": "rzh"}
"""PaddlePaddle's order of the gates."""


class Sequence(object):
    """Operators of the backend, whose `network` is the layer that has all weights."""

    def LSTM(self, node, weights):
        spec = Recurrent(node, weights)
        layer = self._layer(node, spec, paddle.nn.LSTM)

        def lstm(x, lengths=None, h=None, c=None):
            state = None
            if h is not None or c is not None:
                state = [self._start(x, spec, each).unsqueeze(0) for each in (h, c)]
            outputs, (last, _) = layer(x, state, lengths)
            return outputs if spec.sequence else last.squeeze(0)

        return lstm

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        if not spec.after:
            return self._reset_before(node, spec)
        layer = self._layer(node, spec, paddle.nn.GRU)

        def gru(x, lengths=None, h=None):
            outputs, last = layer(x, None if h is None else h.unsqueeze(0), lengths)
            return outputs if spec.sequence else last.squeeze(0)

        return gru

    def _layer(self, node, spec, make):
        if self.learning and self.execution == "eager" and spec.sequence:  # "Required tensor shall not be nullptr"
            what = "mode 'eager': the kernel's gradient wants one of the last state, which nothing uses here"
            raise Unsupported("{0}: {1}".format(node.name, what))
        order = ORDER[node.op]
        biases = {} if spec.wb is not None else {"bias_ih_attr": False, "bias_hh_attr": False}
        layer = make(spec.w.shape[1], spec.hidden, **biases)
        parts = {"weight_ih": (spec.w, "W"), "weight_hh": (spec.r, "R")}
        if spec.wb is not None:
            outer, inner = spec.biases()
            # One of ONNX's where there is one bias, and then the other stays 0.
            keys = ("B", None) if spec.rb is None else ("B0", "B1")
            parts.update(bias_ih=(outer, keys[0]), bias_hh=(inner, keys[1]))
        for name, (array, key) in parts.items():
            held = getattr(layer, name + "_l0")
            held.set_value(np.ascontiguousarray(spec.arranged(array, order)))
            held.stop_gradient = not (self.learning and key)
            if self.learning and key:
                self.learnt["{0}.{1}".format(node.name, key)] = held, lambda found: spec.restored(found, order)[None]
        self.network.add_sublayer("layer_{0}".format(len(list(self.network.sublayers()))), layer)
        return layer

    @staticmethod
    def joined(found):
        """Arrays by name, the two biases of a layer in ONNX's one."""
        for name in [name for name in found if name.endswith(".B0")]:
            found[name[:-1]] = np.concatenate([found.pop(name), found.pop(name[:-1] + "1")], axis=1)
        return found

    @staticmethod
    def _start(x, spec, state):
        """[B,H]"""
        return paddle.zeros([x.shape[0], spec.hidden], "float32") if state is None else state

    def _reset_before(self, node, spec):
        both = 2 * spec.hidden
        if self.learning:
            raise Unsupported("{0}: R is two parameters where the reset is before the product".format(node.name))
        parts = (spec.w, spec.r[:both], spec.r[both:])
        w, of_gates, of_state = [self.network.parameter(np.ascontiguousarray(part.T)) for part in parts]
        b = self.network.parameter(sum(spec.biases())) if spec.wb is not None else None

        def before(x, lengths=None, h=None):
            state, gates, outputs = self._start(x, spec, h), F.linear(x, w, b), []
            for t in range(x.shape[1]):
                z, reset = paddle.split(F.sigmoid(gates[:, t, :both] + paddle.matmul(state, of_gates)), 2, axis=1)
                n = paddle.tanh(gates[:, t, both:] + paddle.matmul(reset * state, of_state))
                new = n + z * (state - n)
                if lengths is not None:
                    own = paddle.expand_as((lengths > t).unsqueeze(1), new)
                    outputs.append(paddle.where(own, new, paddle.zeros_like(new)))
                    new = paddle.where(own, new, state)
                else:
                    outputs.append(new)
                state = new
            return paddle.stack(outputs, axis=1) if spec.sequence else state

        return before

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = self._weight(weights["data"])
        return lambda rows: F.embedding(rows, data)

    def ReduceSum(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: paddle.sum(x, axes, keepdim=keep)

    def ReduceMean(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: paddle.mean(x, axes, keepdim=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: paddle.unsqueeze(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: paddle.cast(x, "float32")

    def Div(self, node, weights):
        return paddle.divide
