"""Which layers become one before a network is given to a framework whose own converter would have merged them?"""

import numpy as np

from workloads.backends.base import Node


def fold(nodes, weights, outputs):
    """(nodes, weights) with batch-norm in the weights of the convolution before it, and ReLU as `activation`.

    A Conv or Gemm that is followed by a ReLU has the attribute `activation` = "relu". A merged node has the name of the
    last of its parts. What an output or a second reader needs stays as it is.
    """
    readers = [name for node in nodes for name in node.inputs]
    made, weights = {}, dict(weights)
    for node in nodes:
        before = made.get(node.inputs[0])
        alone = before is not None and readers.count(before.name) == 1 and before.name not in outputs
        if alone and "activation" not in before.attrs:
            if node.op == "BatchNormalization" and before.op == "Conv" and not node.attrs.get("training_mode", 0):
                scaled = scale(weights.pop(before.name), weights.pop(node.name), node.attrs.get("epsilon", 1e-5))
                del made[before.name]
                made[node.name], weights[node.name] = renamed(before, node.name), scaled
                continue
            if node.op == "Relu" and before.op in ("Conv", "Gemm"):
                del made[before.name]
                made[node.name] = renamed(before, node.name, activation="relu")
                weights[node.name] = weights.pop(before.name)
                continue
        made[node.name] = node
    return list(made.values()), weights


def renamed(node, name, **attrs):
    """The node under another name, with more attributes."""
    data = {"name": name, "op": node.op, "inputs": node.inputs, "attrs": dict(node.attrs, **attrs)}
    return Node(dict(data, weights=node.shapes))


def scale(conv, norm, epsilon):
    """W and B of the convolution that computes both; in float64, rounded once."""
    factor = norm["scale"].astype(np.float64) / np.sqrt(norm["var"].astype(np.float64) + epsilon)
    w = conv["W"] * factor.reshape(-1, 1, 1, 1)
    b = norm["B"] + (conv.get("B", 0.0) - norm["mean"].astype(np.float64)) * factor
    return {"W": w.astype(np.float32), "B": b.astype(np.float32)}
