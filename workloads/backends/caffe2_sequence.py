"""How does Caffe2 run a recurrent operator? By the layers of its `rnn_cell` and `gru_cell`: a RecurrentNetwork, whose
net of one step ends in LSTMUnit or GRUUnit, behind one product for the inputs of all steps.

Their tensors have the steps in front; what only they and a sum along the steps read is so from the tokens on.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from caffe2.python import gru_cell, rnn_cell
from caffe2.python.model_helper import ModelHelper
from caffe2.python.recurrent import set_rnn_executor_config

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

ORDER = {"LSTM": "ifoc", "GRU": "rzh"}
"""Caffe2's order of the gates."""

OF_STATE = {"LSTM": ("gates_t",), "GRU": ("reset_gate_t", "update_gate_t", "output_gate_t")}
"""What the products with the state are called, each of as many gates."""


class Sequence(object):
    """Operators of the backend, which adds them to the net and has the weights in blobs."""

    def LSTM(self, node, weights):
        return self._layer(node, weights, rnn_cell.LSTM, 2)

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        return self._layer(node, weights, gru_cell.GRU, 1, linear_before_reset=spec.after)

    def _layer(self, node, weights, make, states, **options):
        self._not_ideep(node, "RecurrentNetwork")
        spec = Recurrent(node, weights)
        self.layers[node.name] = node.op, spec
        self._feed_layer(node, spec)
        zeros = self._given(node.name + "/zeros", np.zeros(spec.hidden))

        def layer(x, lengths=None, *initial):
            if node.inputs[0] not in self.turned:
                x = self._swapped(x, node.name + "/x", 3)
            if lengths is not None:
                self._add("Cast", [lengths], [node.name + "/lengths"], to="int32")
                lengths = node.name + "/lengths"
            start = [zeros if state is None else state for state in initial]
            found = make(
                self._model(node),
                x,
                lengths,
                start + [zeros] * (states - len(start)),
                spec.w.shape[1],
                spec.hidden,
                scope=node.name,
                outputs_with_grads=(0 if spec.sequence else 1,),
                forward_only=not self.learning,
                drop_states=spec.sequence,  # behind a sample's length zeros, or the state as it was
                **options,
            )
            set_rnn_executor_config(self.net.Proto().op[-1], num_threads=self.threads)  # four, if nobody says
            every, last = [str(blob) for blob in found[:2]]  # [T,B,H] and [1,B,H]
            if not spec.sequence:
                self._add("Squeeze", [last], [node.name], dims=[0])
                return node.name
            return every if node.name in self.turned else self._swapped(every, node.name, 3)

        return layer

    def _model(self, node):
        """What the layers write to: this net, whose parameters are there already."""
        model = ModelHelper(name=node.name, init_params=False)
        model.net = self.net
        return model

    def _feed_layer(self, node, spec):
        """Blobs as the layer calls them. A bias that is not there is zeros, and no weight."""
        order, parts = ORDER[node.op], OF_STATE[node.op]
        outer, inner = [spec.arranged(bias, order) for bias in spec.biases()]
        arrays = [("i2h_w", spec.arranged(spec.w, order), True), ("i2h_b", outer, spec.wb is not None)]
        for suffix, array, learnt in (("_w", spec.arranged(spec.r, order), True), ("_b", inner, spec.rb is not None)):
            arrays += [
                (name + suffix, part, learnt)
                for name, part in zip(parts, np.split(array, len(parts)))  # noqa: B905  (3.10 has it)
            ]
        for key, array, learnt in arrays:
            blob = self._given("{0}/{1}".format(node.name, key), array)
            if learnt:
                self.kept[blob] = False

    def in_onnx_layout(self, found):
        """Gradients or weights by blob, those of such layers put together."""
        for name, (op, spec) in self.layers.items():
            parts = OF_STATE[op]
            own = [["i2h_w"], [part + "_w" for part in parts]]
            own += [["i2h_b"]] if spec.wb is not None else []
            own += [[part + "_b" for part in parts]] if spec.rb is not None else []
            arrays = [np.concatenate([found.pop("{0}/{1}".format(name, key)) for key in keys]) for keys in own]
            learnt = spec.learnt(ORDER[op], *arrays)
            found.update(("{0}.{1}".format(name, key), array) for key, array in learnt.items())
        return found

    def _given(self, blob, array):
        self._feed(blob, array)
        self.net.AddExternalInput(blob)
        return blob

    def _swapped(self, blob, made, rank):
        """[B,T,...] as [T,B,...], or the other way."""
        self._add("Transpose", [blob], [made], axes=[1, 0] + list(range(2, rank)))
        return made

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data, width = self._weights(node, weights)["data"], weights["data"].shape[1]

        def gather(rows):
            shape = list(self.shapes[node.inputs[0]])
            if node.name in self.turned:
                shape, rows = shape[::-1], self._swapped(rows, node.name + ".rows", 2)
            if not self.learning:
                self._add("Gather", [data, rows], [node.name])
                return node.name
            # A gradient of the table's own shape, as the optimizers of dense weights want it, takes a list of rows.
            self._add("FlattenToVec", [rows], [node.name + ".list"])
            self._add("Gather", [data, node.name + ".list"], [node.name + ".found"], dense_gradient=1)
            self._add("Reshape", [node.name + ".found"], [node.name, node.name + ".before"], shape=shape + [width])
            return node.name

        return gather

    def ReduceSum(self, node, weights):
        return self._reduced(node)

    def ReduceMean(self, node, weights):
        return self._reduced(node)

    def _reduced(self, node):
        axes = [0] if node.inputs[0] in self.turned else list(node.attrs["axes"])
        return self._operator(node.op, node, [], axes=axes, keepdims=node.attrs.get("keepdims", 1))

    def Unsqueeze(self, node, weights):
        return self._operator("ExpandDims", node, [], dims=node.attrs["axes"])

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))

        def cast(x):
            self._add("Cast", [x], [node.name], to="float")
            if self.learning:  # it asks the operators before it for gradients, and integers have none
                self._add("StopGradient", [node.name], [node.name])
            return node.name

        return cast

    def Div(self, node, weights):
        return self._operator("Div", node, [])
