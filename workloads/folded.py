"""What is moved into weights before a network is given to a framework, as its users or its converter would have it?"""

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


FRESH = frozenset({"Add", "AveragePool", "BatchNormalization", "Conv", "Gemm", "MaxPool"})
"""Operators whose output is memory of its own in any framework, and whose input nobody sees through it."""


def overwriting(nodes, outputs):
    """Names of the ReLUs that may write over their input, as models that are written by hand have it: nobody else reads
    it, and it is neither given nor given back."""
    readers = [name for node in nodes for name in node.inputs]
    fresh = {node.name for node in nodes if node.op in FRESH} - set(outputs)
    alone = {name for name in fresh if readers.count(name) == 1}
    return {node.name for node in nodes if node.op == "Relu" and node.inputs[0] in alone}


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


KEEPING = frozenset(
    {"AveragePool", "BatchNormalization", "Clip", "GlobalAveragePool", "LRN", "MaxPool", "Relu", "Sigmoid"}
)
"""Operators whose output has as many channels as their input."""


def flatten_last(nodes, weights, outputs):
    """(nodes, weights) for a framework that keeps channels last: a Flatten of an image that only Gemms read has the
    attribute `channels_last` = 1, and their weights take its numbers in the order height, width, channel.

    Where the channels are not those of a Conv before it, a Flatten stays as it is: the image is then transposed.
    """
    made, weights = {node.name: node for node in nodes}, dict(weights)
    for node in nodes:
        if node.op != "Flatten" or node.attrs.get("axis", 1) != 1 or node.name in outputs:
            continue
        readers = [each for each in nodes if node.name in each.inputs]
        channels = _channels(made, made.get(node.inputs[0]))
        if channels is None or not readers or any(not _takes(each, node.name) for each in readers):
            continue
        made[node.name] = renamed(node, node.name, channels_last=1)
        for each in readers:
            b = weights[each.name]["B"]
            b = _channels_last(b.T, channels).T if each.attrs.get("transB", 0) else _channels_last(b, channels)
            weights[each.name] = dict(weights[each.name], B=np.ascontiguousarray(b))
    return [made[node.name] for node in nodes], weights


def _channels(made, node):
    while node is not None and node.op in KEEPING:
        node = made.get(node.inputs[0])
    return node.shapes["W"][0] if node is not None and node.op == "Conv" else None


def _takes(node, name):
    """Whether it is a Gemm whose input is that tensor, as it is."""
    return node.op == "Gemm" and node.inputs == [name] and not node.attrs.get("transA", 0)


def _channels_last(rows, channels):
    """[C * H * W, out] as [H * W * C, out]."""
    shaped = rows.reshape(channels, -1, rows.shape[1])
    return shaped.transpose(1, 0, 2).reshape(rows.shape)
