"""How are recurrent operators written into an ONNX model? As ONNX's own, time first: ONNX Runtime has no `layout` 1."""
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
