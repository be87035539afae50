"""How does Lasagne run a recurrent operator? In its LSTMLayer, with the lengths as a mask.

Its GRULayer is ONNX's with the reset behind a product only where that has no bias, which no network here has.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from lasagne import layers, nonlinearities

from workloads.backends.base import Unsupported
from workloads.backends.lasagne_transformer import Expression
from workloads.recurrent import Recurrent

GATES = ("ingate", "outgate", "forgetgate", "cell")
"""In ONNX's order."""


class Sequence(object):
    """Operators of the backend, each a function from layers to one."""

    def LSTM(self, node, weights):
        if self.learnt is not None:
            text = "{0}: training: an LSTMLayer has a parameter for each gate, and no way back is written"
            raise Unsupported(text.format(node.name))
        spec = Recurrent(node, weights)
        parts = [np.split(array, 4) for array in (spec.w, spec.r, sum(spec.biases()))]
        gates = {}
        for name, w, r, b in zip(GATES, *parts):  # noqa: B905  (3.10 has it)
            nonlinearity = nonlinearities.tanh if name == "cell" else nonlinearities.sigmoid
            gates[name] = layers.Gate(np.ascontiguousarray(w.T), np.ascontiguousarray(r.T), None, b, nonlinearity)

        def lstm(x, lengths=None, *initial):
            options = dict(gates, peepholes=False)
            for key, state in zip(("hid_init", "cell_init"), initial):  # noqa: B905
                if state is not None:
                    options[key] = layers.get_output(state, deterministic=True)
            if lengths is None:
                y = layers.LSTMLayer(x, spec.hidden, **options)
                return y if spec.sequence else layers.SliceLayer(y, -1, axis=1)
            own = Expression([lengths, x], self._own_steps, lambda _, shape: shape[:2])
            y = layers.LSTMLayer(x, spec.hidden, mask_input=own, **options)  # behind a length it repeats the state
            if not spec.sequence:
                return layers.SliceLayer(y, -1, axis=1)
            return Expression(
                [y, own], lambda states, mask: states * mask.dimshuffle(0, 1, "x"), lambda shape, _: shape
            )

        return lstm

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        if spec.after and spec.rb is None:
            raise Unsupported("{0}: a GRU of one bias is not written here".format(node.name))
        raise Unsupported("{0}: Lasagne 0.1's GRULayer resets a product that has no bias of its own".format(node.name))

    def _own_steps(self, lengths, x):
        """[B,T]: 1 where a step is one of the sample's own."""
        own = self.tensor.arange(x.shape[1]).dimshuffle("x", 0) < lengths.dimshuffle(0, "x")
        return self.tensor.cast(own, "float32")

    def ReduceSum(self, node, weights):
        return reduced(node, lambda x, axes, keep: x.sum(axis=axes, keepdims=keep))

    def ReduceMean(self, node, weights):
        return reduced(node, lambda x, axes, keep: x.mean(axis=axes, keepdims=keep))

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]

        def unsqueeze(layer):
            pattern = list(range(len(layer.output_shape)))
            pattern.insert(axis, "x")
            return layers.DimshuffleLayer(layer, tuple(pattern))

        return unsqueeze

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda layer: layers.NonlinearityLayer(layer, lambda x: self.tensor.cast(x, "float32"))

    def Div(self, node, weights):
        return lambda a, b: Expression([a, b], self.tensor.true_div, lambda *shapes: shapes[0])


def reduced(node, function):
    """Of a layer, along a node's axes."""
    axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))

    def shape(given):
        return tuple(1 if axis in axes else size for axis, size in enumerate(given) if keep or axis not in axes)

    return lambda layer: Expression([layer], lambda x: function(x, axes, keep), shape)
