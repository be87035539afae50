"""How does Keras 3 run a recurrent operator? In its layers LSTM and GRU, which have both forms of the reset gate.

Not unrolled and with `use_cudnn` as they come. Lengths become a mask. Their LSTM, and their GRU with the reset gate
before its product, have one bias per gate: ONNX's two are added up.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of the backend, each a function from symbolic tensors to one."""

    def LSTM(self, node, weights):
        self._untrained(node)
        spec = Recurrent(node, weights)
        arrays = [spec.arranged(array, "ifco") for array in (spec.w, spec.r, sum(spec.biases()))]
        return self._recurrent(self.keras.layers.LSTM, spec, [arrays[0].T, arrays[1].T, arrays[2]])

    def GRU(self, node, weights):
        self._untrained(node)
        spec = Recurrent(node, weights)
        bias = np.stack(spec.biases()) if spec.after else sum(spec.biases())
        return self._recurrent(self.keras.layers.GRU, spec, [spec.w.T, spec.r.T, bias], reset_after=spec.after)

    def _untrained(self, node):
        if self.learnt is not None:
            text = "{0}: training: one bias per gate moves half as far as ONNX's two, and no way back is written"
            raise Unsupported(text.format(node.name))

    def _recurrent(self, make, spec, values, **options):
        ops = self.keras.ops
        given = values if spec.wb is not None else values[:2]
        layer = make(
            units=spec.hidden,
            return_sequences=spec.sequence,
            use_bias=spec.wb is not None,
            zero_output_for_mask=spec.sequence,  # else the last one would be 0 behind a sample's length
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            dtype="float32",
            **options,
        )

        def recurrent(x, lengths=None, *initial):
            mask = None
            if lengths is not None:
                steps = ops.arange(x.shape[1], dtype=lengths.dtype)
                mask = ops.less(steps, ops.expand_dims(lengths, 1))  # not `<`: the left one may be no tensor of Keras
            y = layer(x, initial_state=list(initial) or None, mask=mask)
            layer.set_weights(given)
            return y

        return recurrent

    def ReduceSum(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: self.keras.ops.sum(x, axis=axes, keepdims=keep)

    def ReduceMean(self, node, weights):
        axes, keep = tuple(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: self.keras.ops.mean(x, axis=axes, keepdims=keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: self.keras.ops.expand_dims(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: self.keras.ops.cast(x, "float32")

    def Div(self, node, weights):
        return self.keras.ops.divide
