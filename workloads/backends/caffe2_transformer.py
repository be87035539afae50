"""How does Caffe2 attend? Product by product: BatchMatMul, SequenceMask, Softmax and BatchMatMul again."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import numpy as np

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import CUBIC, approximate, last_axis, scale_of

LAST = 2**31 - 1
"""ONNX's end of an axis, however long it is."""


class Transformer(object):
    """Operators of the backend, which adds them to the net and has the weights in blobs."""

    def LayerNormalization(self, node, weights):
        """It also gives the mean and the standard deviation of each row. That of 1.0 knows no scale and no shift, which
        `brew.layer_norm` multiplies by and adds behind it."""
        self._not_ideep(node, "LayerNorm")
        self._not_learnt_in_2018(node)
        last_axis(node)
        w = self._weights(node, weights)
        axis = len(self.shapes[node.inputs[0]]) - 1
        more = {"axis": axis, "epsilon": node.attrs.get("epsilon", 1e-5)}
        statistics = [node.name + ".mean", node.name + ".deviation"]

        def layer_normalization(x):
            if not self._is_of_2018():
                self._add(
                    "LayerNorm", [x, w["scale"], w["B"]], [node.name] + statistics, elementwise_affine=True, **more
                )
                return node.name
            self._add("LayerNorm", [x], [node.name] + statistics, **more)
            self._add("Mul", [node.name, w["scale"]], [node.name], broadcast=1, axis=axis)
            self._add("Add", [node.name, w["B"]], [node.name], broadcast=1, axis=axis)
            return node.name

        return layer_normalization

    def Gelu(self, node, weights):
        wanted = approximate(node)
        self._not_ideep(node, "Gelu")
        if not self._is_of_2018():
            return self._operator("Gelu", node, [], fast_gelu=wanted == "tanh")
        if wanted == "none":
            raise Unsupported("{0}: Caffe2 of 1.0 has neither Gelu nor Erf".format(node.name))
        self._not_learnt_in_2018(node)
        return self._gelu_by_sigmoid(node)

    def _not_learnt_in_2018(self, node):
        if self.learning and self._is_of_2018():
            text = "{0}: gradients: what stands for {1} in 1.0 writes over what they read"
            raise Unsupported(text.format(node.name, node.op))

    def _gelu_by_sigmoid(self, node):
        """x * sigmoid(2 y) is x / 2 * (1 + tanh(y))."""
        slope = 2 * math.sqrt(2 / math.pi)
        factors = [self._feed(node.name + key, np.array([f])) for key, f in ((".a", slope), (".b", slope * CUBIC))]
        for blob in factors:
            self.net.AddExternalInput(blob)
        inner = node.name + ".inner"

        def gelu(x):
            self._add("Cube", [x], [inner])
            self._add("WeightedSum", [x, factors[0], inner, factors[1]], [node.name])
            self._add("Sigmoid", [node.name], [node.name])
            self._add("Mul", [node.name, x], [node.name])
            return node.name

        return gelu

    def Tanh(self, node, weights):
        return self._operator("Tanh", node, [])

    def Reshape(self, node, weights):
        """A second output, which nobody reads, is the shape of before; in place nothing is copied. ONNX's 0 is Caffe2's
        too."""
        return self._operator(
            "Reshape", node, [], in_place=True, beside=[node.name + ".before"], shape=node.attrs["shape"]
        )

    def Transpose(self, node, weights):
        return self._operator("Transpose", node, [], axes=node.attrs["perm"])

    def Slice(self, node, weights):
        """One after the other: an operator cuts one axis. Caffe2 counts from behind the end: -1 is all of an axis."""
        rank, attrs = len(self.shapes[node.inputs[0]]), node.attrs

        def cut(x):
            made = [node.name + ".{0}".format(axis) for axis in attrs["axes"][1:]] + [node.name]
            for axis, start, end, y in zip(attrs["axes"], attrs["starts"], attrs["ends"], made):  # noqa: B905
                starts, ends = [0] * rank, [-1] * rank
                starts[axis] = start if start >= 0 else start - 1
                if end < LAST:
                    ends[axis] = end if end >= 0 else end - 1
                self._add("Slice", [x], [y], starts=starts, ends=ends)
                x = y
            return x

        return cut

    def Attention(self, node, weights):
        depth = self.shapes[node.inputs[0]][-1]
        if depth is None and "scale" not in node.attrs:
            raise Unsupported("{0}: the depth of its heads is not followed to here".format(node.name))
        scale = scale_of(node, depth or 1)
        scaled, scores, seen, shares = [node.name + end for end in (".scaled", ".scores", ".seen", ".shares")]
        causal = node.attrs.get("is_causal", 0)

        def attention(q, k, v):
            self._add("Scale", [q], [scaled], scale=scale)
            self._add("BatchMatMul", [scaled, k], [scores], trans_b=1)
            if causal:
                self._add("SequenceMask", [scores], [seen], mode="upper", axis=3, batch=1)
            self._add("Softmax", [seen if causal else scores], [shares], axis=3)
            self._add("BatchMatMul", [shares, v], [node.name])
            return node.name

        return attention
