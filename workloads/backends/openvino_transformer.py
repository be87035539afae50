"""How does OpenVINO attend? In its own operator; the norm of a layer is its MVN, between a product and a sum."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from openvino import opset13 as ops

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import approximate, last_axis


def held(array):
    """A constant over a weight's own memory."""
    return ops.constant(array, shared_memory=True)


def integers(values):
    return ops.constant(np.array(values, np.int64))


class Transformer(object):
    """Operators of the backend, as nodes of a graph."""

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data, axis = held(weights["data"]), integers(0)
        return lambda rows: ops.gather(data, rows, axis)

    def LayerNormalization(self, node, weights):
        last_axis(node)
        scale, shift = held(weights["scale"]), held(weights["B"])
        epsilon, axes = node.attrs.get("epsilon", 1e-5), integers([-1])
        return lambda x: ops.add(
            ops.multiply(ops.mvn(x, axes, normalize_variance=True, eps=epsilon, eps_mode="inside_sqrt"), scale), shift
        )

    def Gelu(self, node, weights):
        form = {"none": "erf", "tanh": "tanh"}[approximate(node)]
        return lambda x: ops.gelu(x, form)

    def Tanh(self, node, weights):
        return ops.tanh

    def Reshape(self, node, weights):
        shape = integers(node.attrs["shape"])
        return lambda x: ops.reshape(x, shape, special_zero=True)

    def Transpose(self, node, weights):
        perm = integers(node.attrs["perm"])
        return lambda x: ops.transpose(x, perm)

    def Slice(self, node, weights):
        starts, ends, axes = (integers(node.attrs[key]) for key in ("starts", "ends", "axes"))
        steps = integers([1] * len(node.attrs["axes"]))
        return lambda x: ops.slice(x, starts, ends, steps, axes)

    def Attention(self, node, weights):
        causal = bool(node.attrs.get("is_causal", 0))
        if "scale" not in node.attrs:
            return lambda q, k, v: ops.scaled_dot_product_attention(q, k, v, causal=causal)
        scale, mask = ops.constant(np.float32(node.attrs["scale"])), ops.constant(np.float32(0))
        return lambda q, k, v: ops.scaled_dot_product_attention(q, k, v, mask, scale, causal=causal)
