"""What becomes of a network on images of another size?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from orchestrator.catalog.shapes import infer_node
from orchestrator.errors import SpecError
from orchestrator.nouns.workload import Network, Node


class Networks(Mapping[str, Network]):
    """Networks by name; `resnet50.160` is ResNet-50 on images of 160 x 160, made when it is asked for."""

    def __init__(self, named: dict[str, Network]) -> None:
        self._named = named
        self._resized: dict[str, Network] = {}

    def __getitem__(self, name: str) -> Network:
        if name in self._named:
            return self._named[name]
        if name not in self._resized:
            network, dot, size = name.rpartition(".")
            if not dot or not size.isdigit() or size.startswith("0") or network not in self._named:
                raise KeyError(name)
            self._resized[name] = resize_network(self._named[network], int(size))
        return self._resized[name]

    def __iter__(self) -> Iterator[str]:
        """Those that have a file."""
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


def resize_network(network: Network, size: int) -> Network:
    """The same operators on square images of `size`; a Gemm behind a Flatten takes as many numbers as come.

    Raises SpecError for a network without one image as its input, and where a kernel no longer fits.
    """
    images = [name for name, shape in network.inputs.items() if len(shape) == 4 and shape[2] == shape[3]]
    where = f"network {network.name}.{size}"
    if len(images) != 1 or len(network.inputs) != 1:
        raise SpecError(f"{where}: {network.name} has no square image as its only input")
    shapes = {images[0]: (*network.inputs[images[0]][:2], size, size)}
    inputs, nodes, more = dict(shapes), [], 0
    for node in network.nodes:
        coming = [shapes[name] for name in node.inputs]
        fitted = _fit(node, coming[0] if coming else ())
        more += _count(fitted) - _count(node)
        try:
            shapes[node.name] = infer_node(fitted, coming)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise SpecError(f"{where}: {node.name} ({node.op}): {error}") from None
        nodes.append(fitted)
    title = f"{network.title}, {size} x {size}"
    changed = {"name": f"{network.name}.{size}", "title": title, "inputs": inputs, "nodes": tuple(nodes)}
    return network.model_copy(update={**changed, "parameters": network.parameters + more})


def _fit(node: Node, coming: tuple[int, ...]) -> Node:
    if node.op != "Gemm" or not node.attrs.get("transB", 0) or node.weights["B"][1] == coming[1]:
        return node
    return node.model_copy(update={"weights": {**node.weights, "B": (node.weights["B"][0], coming[1])}})


def _count(node: Node) -> int:
    return sum(math.prod(shape) for key, shape in node.weights.items() if key not in {"mean", "var"})
