"""What did the published scripts compute in place of the network they named? Pure functions, Network -> Network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.nouns.workload import Network, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LEARNT = frozenset({"W", "R", "B", "C", "scale", "data"})
"""As workloads/weights.py counts them; a test holds the two together."""


class Recreation(NamedTuple):
    """One mistake, made on one of our networks."""

    network: str
    """The right one."""
    derive: Callable[[Network], Network]
    what: str


def drop_relus(network: Network) -> Network:
    """Without the ReLUs that follow a dense layer."""
    dense = {node.name for node in network.nodes if node.op == "Gemm"}
    gone = [node.name for node in network.nodes if node.op == "Relu" and node.inputs[0] in dense]
    return _renamed(_without(network, gone), "no_fc_relu")


def drop_classifier(network: Network) -> Network:
    """Softmax of the features that the last dense layer reads, with no such layer.

    The features take the name of the logits, so that both outputs keep theirs.
    """
    last = next(node for node in reversed(network.nodes) if node.op == "Gemm")
    names = {last.inputs[0]: last.name}
    kept = [_reading(node, names) for node in network.nodes if node.name != last.name]
    nodes = [node.model_copy(update={"name": names.get(node.name, node.name)}) for node in kept]
    return _renamed(_with_nodes(network, nodes), "no_classifier")


def double_softmax(network: Network) -> Network:
    """A softmax of the softmax."""
    nodes = []
    for node in network.nodes:
        if node.op == "Softmax":
            first = node.model_copy(update={"name": f"{node.name}_once"})
            nodes += [first, node.model_copy(update={"inputs": (first.name,)})]
        else:
            nodes.append(node)
    return _renamed(_with_nodes(network, nodes), "softmax_twice")


def drop_softmax(network: Network) -> Network:
    """The logits are all there is."""
    gone = {node.name for node in network.nodes if node.op == "Softmax"}
    outputs = tuple(name for name in network.outputs if name not in gone)
    kept = [node for node in network.nodes if node.name not in gone]
    return _renamed(_with_nodes(network, kept).model_copy(update={"outputs": outputs}), "no_softmax")


def normalise_by_batch(network: Network) -> Network:
    """Batch normalisation by the statistics of what it is given: ONNX's training_mode."""
    nodes = [
        node.model_copy(update={"attrs": node.attrs | {"training_mode": 1}})
        if node.op == "BatchNormalization"
        else node
        for node in network.nodes
    ]
    return _renamed(_with_nodes(network, nodes), "batch_statistics")


def add_biases(network: Network) -> Network:
    """A bias on every convolution that has none."""
    nodes = [
        node.model_copy(update={"weights": node.weights | {"B": (node.weights["W"][0],)}})
        if node.op == "Conv" and "B" not in node.weights
        else node
        for node in network.nodes
    ]
    return _renamed(_with_nodes(network, nodes), "conv_bias")


def scale_input(network: Network) -> Network:
    """A division by 255 before the first layer."""
    (source,) = network.inputs
    by = Node(name="by", op="Constant", inputs=(), attrs={"value_float": 255.0})
    scaled = Node(name="scaled", op="Div", inputs=(source, by.name))
    nodes = [by, scaled, *(_reading(node, {source: scaled.name}) for node in network.nodes)]
    return _renamed(_with_nodes(network, nodes), "scaled_input")


RECREATIONS: Mapping[str, Recreation] = {
    "vgg16.no_fc_relu": Recreation("vgg16", drop_relus, "no ReLU after fc6 and fc7"),
    "vgg16.scaled_input": Recreation("vgg16", scale_input, "/255 inside the network"),
    "mobilenet_v1.no_classifier": Recreation("mobilenet_v1", drop_classifier, "no product 1024 -> 1000"),
    "mobilenet_v1.softmax_twice": Recreation("mobilenet_v1", double_softmax, "softmax twice"),
    "mobilenet_v1.no_softmax": Recreation("mobilenet_v1", drop_softmax, "no softmax"),
    "mobilenet_v1.batch_statistics": Recreation("mobilenet_v1", normalise_by_batch, "batch norm in training mode"),
    "mobilenet_v1.conv_bias": Recreation("mobilenet_v1", add_biases, "biases on the convolutions"),
}
"""By the name of the mistaken network."""

FIRST_CALLS = "first-calls"
"""Needs no network of its own: it is in the calls of the right one."""


def derive_networks(networks: Mapping[str, Network]) -> dict[str, Network]:
    """Name -> mistaken network, for every one whose right network is there."""
    return {name: each.derive(networks[each.network]) for name, each in RECREATIONS.items() if each.network in networks}


def count_parameters(nodes: Iterable[Node]) -> int:
    """How many numbers are learnt."""
    return sum(math.prod(shape) for node in nodes for key, shape in node.weights.items() if key in LEARNT)


def _without(network: Network, gone: Iterable[str]) -> Network:
    """Whoever read one of these nodes reads what it read."""
    names = {node.name: node.inputs[0] for node in network.nodes if node.name in set(gone)}
    return _with_nodes(network, [_reading(node, names) for node in network.nodes if node.name not in names])


def _reading(node: Node, names: Mapping[str, str]) -> Node:
    return node.model_copy(update={"inputs": tuple(names.get(name, name) for name in node.inputs)})


def _with_nodes(network: Network, nodes: Iterable[Node]) -> Network:
    made = tuple(nodes)
    return network.model_copy(update={"nodes": made, "parameters": count_parameters(made)})


def _renamed(network: Network, mistake: str) -> Network:
    return network.model_copy(update={"name": f"{network.name}.{mistake}"})
