"""How are recurrent operators written into an ONNX model? As ONNX's own, time first: no reader has `layout` 1."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
import onnx

from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of a Writer whose reader has them, each a function from names of tensors to the name of a tensor."""

    def _recurrent(self, node, weights):
        spec = Recurrent(node, weights)
        own = [self._weight(node, key, weights[key]) for key in ("W", "R")]
        own.append(self._weight(node, "B", np.concatenate(spec.biases())[None]) if spec.wb is not None else "")
        attrs = {"hidden_size": spec.hidden}
        if node.op == "GRU":
            attrs["linear_before_reset"] = int(spec.after)

        def recurrent(x, lengths=None, *initial):
            tensors = [self._part(node, "x", "Transpose", [x], perm=[1, 0, 2])] + own
            tensors.append(self._part(node, "lengths", "Cast", [lengths], to=onnx.TensorProto.INT32) if lengths else "")
            for key, state in zip(("h", "c"), initial):  # noqa: B905  (3.10 has it)
                tensors.append(self._part(node, key, "Unsqueeze", [state, self._axes(node, [0])]) if state else "")
            states, last = "{0}.Y".format(node.name), "{0}.Y_h".format(node.name)
            outputs = [states] if spec.sequence else ["", last]
            self._write("{0}.states".format(node.name), node.op, tensors, outputs=outputs, **attrs)
            if not spec.sequence:
                return self._write(node.name, "Squeeze", [last, self._axes(node, [0])])
            turned = self._part(node, "turned", "Transpose", [states], perm=[2, 0, 1, 3])  # from [T,1,B,H]
            return self._write(node.name, "Squeeze", [turned, self._axes(node, [2])])

        return recurrent

    LSTM = GRU = _recurrent

    def ReduceSum(self, node, weights):
        """The axes are an input since opset 13, those of ReduceMean since 18."""
        return self._reduced(node, since=13)

    def ReduceMean(self, node, weights):
        return self._reduced(node, since=18)

    def _reduced(self, node, *, since):
        axes, keep = list(node.attrs["axes"]), node.attrs.get("keepdims", 1)
        if self.opset < since:
            return lambda x: self._write(node.name, node.op, [x], axes=axes, keepdims=keep)
        return lambda x: self._write(node.name, node.op, [x, self._axes(node, axes)], keepdims=keep)

    def Unsqueeze(self, node, weights):
        return lambda x: self._write(node.name, "Unsqueeze", [x, self._axes(node, node.attrs["axes"])])

    def _axes(self, node, axes):
        name = "{0}.axes{1}".format(node.name, "_".join(map(str, axes)))
        self.small[name] = np.array(axes, np.int64)
        return name


class Whole(Sequence):
    """For readers that fail where an input or output is left out, and take no notice of lengths.

    An operator computes all steps of a sequence; those that a sample has not are then multiplied by 0.
    """

    def LSTM(self, node, weights):
        return self._whole(node, Recurrent(node, weights), ("h", "c"))

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        return self._whole(node, spec, ("h",), linear_before_reset=int(spec.after))

    def _whole(self, node, spec, keys, **attrs):
        weights = {"W": spec.w[None], "R": spec.r[None], "B": np.concatenate(spec.biases())[None]}
        own = [self._weight(node, key, array) for key, array in weights.items()]

        def recurrent(x, lengths=None, *given):
            batch, count = self._shape(x)[:2]
            tensors = [self._part(node, "x", "Transpose", [x], perm=[1, 0, 2])] + own + [""]
            zeros = np.zeros((1, batch, spec.hidden), np.float32)
            for key, state in zip(keys, given + (None,) * (len(keys) - len(given))):  # noqa: B905  (3.10 has it)
                if state:
                    tensors.append(self._part(node, key, "Unsqueeze", [state, self._axes(node, [0])]))
                else:
                    tensors.append(self._weight(node, "initial_" + key, zeros))
            outputs = ["{0}.Y{1}".format(node.name, key) for key in ("",) + tuple("_" + key for key in keys)]
            self._write(node.name + ".steps", node.op, tensors, outputs=outputs, hidden_size=spec.hidden, **attrs)
            rows = self._part(node, "rows", "Reshape", [outputs[0], self._integer(node, "shape", (count, batch, -1))])
            if lengths:
                turned = self._part(node, "turned", "Transpose", [rows], perm=[1, 0, 2])
                return self._within(node, spec, turned, lengths, count)
            if spec.sequence:
                return self._write(node.name, "Transpose", [rows], perm=[1, 0, 2])
            return self._write(node.name, "Gather", [rows, self._integer(node, "end", count - 1)], axis=0)

        return recurrent

    def _within(self, node, spec, states, lengths, count):  # noqa: PLR0917
        """Of all states [B,T,H] those of each sample's own steps, or the last of these [B,H]."""
        ends = self._part(node, "float", "Cast", [lengths], to=onnx.TensorProto.FLOAT)
        ends = self._part(node, "ends", "Reshape", [ends, self._integer(node, "column", (-1, 1, 1))])
        steps = np.arange(count)[None, :, None]
        if spec.sequence:
            mask = self._part(node, "mask", "Less", [self._number(node, "steps", steps), ends])
        else:
            mask = self._part(node, "mask", "Equal", [self._number(node, "steps", steps + 1), ends])
        own = [states, self._part(node, "own", "Cast", [mask], to=onnx.TensorProto.FLOAT)]
        if spec.sequence:
            return self._write(node.name, "Mul", own)
        return self._write(
            node.name, "ReduceSum", [self._part(node, "kept", "Mul", own), self._axes(node, [1])], keepdims=0
        )

    def _integer(self, node, what, value):
        name = "{0}.{1}".format(node.name, what)
        self.small[name] = np.array(value, np.int64)
        return name
