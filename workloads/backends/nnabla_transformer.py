"""How does NNabla attend? Product by product, as its own multi_head_attention has it behind the projections."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import nnabla as nn
import nnabla.functions as F  # noqa: N812  (its usual name)
import numpy as np

from workloads.backends.reference_transformer import approximate, last_axis, new_shape, ranges, scale_of, visible


class Transformer(object):
    """Operators of the backend, which makes variables of the weights."""

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = self._weight(weights["scale"]), self._weight(weights["B"])
        epsilon = node.attrs.get("epsilon", 1e-5)

        def layer_normalization(x):
            last = (1,) * (len(x.shape) - 1) + scale.shape
            shaped = [F.reshape(each, last, inplace=False) for each in (shift, scale)]
            return F.layer_normalization(x, *shaped, batch_axis=tuple(range(len(x.shape) - 1)), eps=epsilon)

        return layer_normalization

    def Gelu(self, node, weights):
        if approximate(node) == "tanh":
            return F.gelu
        return lambda x: 0.5 * x * (1 + F.erf(math.sqrt(0.5) * x))

    def Tanh(self, node, weights):
        return F.tanh

    def Reshape(self, node, weights):
        inplace = node.inputs[0] in self.overwritable
        return lambda x: F.reshape(x, new_shape(node, x.shape), inplace=inplace)

    def Transpose(self, node, weights):
        return lambda x: F.transpose(x, node.attrs["perm"])

    def Slice(self, node, weights):
        def cut(x):
            bounds = [part.indices(size) for part, size in zip(ranges(node), x.shape)]  # noqa: B905  (3.10 has it)
            bounds += [(0, size, 1) for size in x.shape[len(bounds) :]]
            return F.slice(x, *[list(each) for each in zip(*bounds)])  # noqa: B905

        return cut

    def Attention(self, node, weights):
        causal, masks = node.attrs.get("is_causal", 0), {}

        def attention(q, k, v):
            scores = F.batch_matmul(q * scale_of(node, q.shape[-1]), k, transpose_b=True)
            if causal:
                if (
                    scores.shape not in masks
                ):  # as large as the scores: what add2 has to broadcast takes 20 times as long
                    mask = np.where(visible(*scores.shape[2:]), np.float32(0), np.float32(-np.inf))
                    whole = np.ascontiguousarray(np.broadcast_to(mask, scores.shape))
                    masks[scores.shape] = nn.Variable.from_numpy_array(whole)
                scores = scores + masks[scores.shape]
            return F.batch_matmul(F.softmax(scores, axis=3), v)

        return attention
