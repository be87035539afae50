"""How are a transformer's operators written for a reader whose opset has them, and for one whose has not?"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import numpy as np
from onnx import helper, shape_inference

from workloads.backends.reference_transformer import CUBIC, approximate, last_axis, scale_of, visible

SINCE = {"LayerNormalization": 17, "Gelu": 20, "Attention": 23}
"""Operator -> the opset that it came with: a reader of an older one gets it written out."""


class Transformer(object):
    """Operators of the Writer, each a function from names of tensors to the name of a tensor."""

    def Gather(self, node, weights):
        data = self._weight(node, "data", weights["data"])
        return lambda rows: self._write(node.name, "Gather", [data, rows], axis=node.attrs.get("axis", 0))

    def Reshape(self, node, weights):
        shape = self._integers(node, "shape")
        return lambda x: self._write(node.name, "Reshape", [x, shape])

    def Slice(self, node, weights):
        """The ranges are inputs since opset 10."""
        ranges = [self._integers(node, key) for key in ("starts", "ends", "axes")]
        return lambda x: self._write(node.name, "Slice", [x] + ranges)

    def LayerNormalization(self, node, weights):
        last_axis(node)
        if self._has(node):
            return self._same(node, weights)
        scale, shift = self._weight(node, "scale", weights["scale"]), self._weight(node, "B", weights["B"])
        epsilon = self._number(node, "epsilon", node.attrs.get("epsilon", 1e-5))

        def layer_normalization(x):
            mean = self._part(node, "mean", "ReduceMean", [x], axes=[-1])
            centred = self._part(node, "centred", "Sub", [x, mean])
            squares = self._part(node, "squares", "Mul", [centred, centred])
            var = self._part(node, "var", "ReduceMean", [squares], axes=[-1])
            root = self._part(node, "root", "Sqrt", [self._part(node, "above", "Add", [var, epsilon])])
            normal = self._part(node, "normal", "Div", [centred, root])
            return self._write(node.name, "Add", [self._part(node, "scaled", "Mul", [normal, scale]), shift])

        return layer_normalization

    def Gelu(self, node, weights):
        form = approximate(node)
        if self._has(node):
            return self._same(node, weights)
        half, one = self._number(node, "half", 0.5), self._number(node, "one", 1)
        root = self._number(node, "root", math.sqrt(0.5 if form == "none" else 2 / math.pi))
        cubic = self._number(node, "cubic", CUBIC)

        def gelu(x):
            if form == "none":
                inner = self._part(node, "erf", "Erf", [self._part(node, "inner", "Mul", [x, root])])
            else:
                square = self._part(node, "square", "Mul", [x, x])
                slope = self._part(node, "slope", "Add", [self._part(node, "bent", "Mul", [square, cubic]), one])
                inner = self._part(node, "scaled", "Mul", [self._part(node, "inner", "Mul", [x, slope]), root])
                inner = self._part(node, "tanh", "Tanh", [inner])
            share = self._part(node, "share", "Mul", [self._part(node, "above", "Add", [inner, one]), half])
            return self._write(node.name, "Mul", [x, share])

        return gelu

    def Attention(self, node, weights):
        if self._has(node):
            return self._same(node, weights)

        def attention(q, k, v):
            queries, depth = self._shape(q)[2:]
            scale = self._number(node, "scale", scale_of(node, depth))
            turned = self._part(node, "turned", "Transpose", [k], perm=[0, 1, 3, 2])
            scores = self._part(node, "scores", "MatMul", [self._part(node, "scaled", "Mul", [q, scale]), turned])
            if node.attrs.get("is_causal", 0):
                seen = visible(queries, self._shape(k)[2])
                mask = self._number(node, "mask", np.where(seen, 0, -np.inf))
                scores = self._part(node, "masked", "Add", [scores, mask])
            share = self._part(node, "share", "Softmax", [scores], axis=-1)
            return self._write(node.name, "MatMul", [share, v])

        return attention

    # -- writing ---------------------------------------------------------------------------------------------------

    def _has(self, node):
        return self.opset >= SINCE[node.op]

    def _write(self, name, op, tensors, outputs=None, **attrs):
        """The name; `outputs` where a node has others than the one that is called as it is."""
        self.nodes.append(helper.make_node(op, tensors, outputs or [name], name=name, **attrs))
        return name

    def _part(self, node, what, op, tensors, **attrs):
        """One of the operators that a node is written out as."""
        return self._write("{0}.{1}".format(node.name, what), op, tensors, **attrs)

    def _weight(self, node, key, array):
        name = "{0}.{1}".format(node.name, key)
        self.values[name] = array
        return name

    def _integers(self, node, key):
        """An attribute that became an input."""
        name = "{0}.{1}".format(node.name, key)
        self.small[name] = np.array(node.attrs[key], np.int64)
        return name

    def _number(self, node, what, value):
        name = "{0}.{1}".format(node.name, what)
        self.small[name] = np.array(value, np.float32)
        return name

    def _shape(self, name):
        """The shape of a tensor that has been written, or of an input."""
        model = shape_inference.infer_shapes(self._model([name]), data_prop=True)
        found = {value.name: value for value in list(model.graph.output) + list(model.graph.input)}
        return [length.dim_value for length in found[name].type.tensor_type.shape.dim]
