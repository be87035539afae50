"""How many operations and bytes does one step of a network take, by its own description?

Shapes are inferred through the DAG by ONNX's rules. Multiply-accumulates (MAC) are those of the direct algorithm, with
the taps that see padding, as published tables count them: an FFT or Winograd's convolution does fewer, and then seems
faster than the arithmetic allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.catalog.shapes import infer_shapes, inner_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.catalog.shapes import Shape
    from orchestrator.nouns.workload import Network, Node

FLOAT_BYTES = 4
INTEGER_BYTES = 8
PRODUCTS = frozenset({"MatMul", "Gemm"})
RECURRENT = frozenset({"LSTM", "GRU"})
"""Counted for every step, also where a sample ends before: how many are valid is drawn with the inputs."""
VIEWS = frozenset({"Constant", "Flatten", "Reshape", "Slice", "Unsqueeze"})
"""Operators that move nothing: another shape of the same bytes, a part of them, or a number in the code."""


@dataclass(frozen=True)
class Cost:
    """One step, or one operator of it."""

    macs: int
    """Multiply-accumulates of Conv, Gemm, MatMul, LSTM, GRU and of both products of an Attention, without biases: what
    published tables count. A causal Attention is counted whole, as most implementations compute it before they mask."""
    weight_bytes: int
    """Of a Gather's table the rows that a step reads, were they all different: at most the whole."""
    activation_bytes: int
    """Of the whole network: inputs read and outputs written once, as if all between stayed in a cache."""
    unfused_bytes: int
    """Every operator's inputs read and its output written, as if nothing stayed in a cache."""

    @property
    def flops(self) -> int:
        """Of the products: two per multiply-accumulate. The rate of a step is this by its time."""
        return 2 * self.macs

    @property
    def compulsory_bytes(self) -> int:
        """What has to move at least: weights, inputs and outputs, once."""
        return self.weight_bytes + self.activation_bytes

    @property
    def intensity(self) -> float:
        """FLOP per byte of compulsory traffic: the most that any implementation can have."""
        return self.flops / self.compulsory_bytes

    @property
    def unfused_intensity(self) -> float:
        """FLOP per byte where every operator reads and writes memory."""
        return self.flops / (self.weight_bytes + self.unfused_bytes)


def count_network(network: Network, batch: int = 1) -> Cost:
    """The cost of one step at `batch`; raises SpecError for an operator or an attribute that has no rule here."""
    shapes = infer_shapes(network, batch)
    macs = weights = moved = 0
    sizes = {name: _bytes(network, name, shape) for name, shape in shapes.items()}
    for node in network.nodes:
        inputs = [shapes[name] for name in node.inputs if name]
        macs += _count_macs(node, inputs, shapes[node.name])
        weights += _weight_bytes(node, inputs)
        if node.op not in VIEWS:
            moved += sum(sizes[name] for name in node.inputs if name) + sizes[node.name]
    ends = sum(sizes[name] for name in (*network.inputs, *network.outputs))
    return Cost(macs, weights, ends, moved)


def count_gradient(network: Network, batch: int = 1) -> Cost:
    """The cost of the loss and of its gradient with respect to every weight, at `batch`.

    A product is followed by two of its size, for its weight and for its input; the network's own inputs have none.
    Weights are read twice, but for the rows of a Gather, which its gradient does not need, and their gradients are
    written once. Of training this is the least: what its optimizer reads and writes is not in it. Raises SpecError as
    `count_network` does.
    """
    forward = count_network(network, batch)
    shapes = infer_shapes(network, batch)
    to_inputs = sum(
        _count_macs(node, [shapes[name] for name in node.inputs if name], shapes[node.name], of_states=False)
        for node in network.nodes
        if set(node.inputs) - {""} <= network.inputs.keys()
    )
    inputs = sum(_bytes(network, name, shapes[name]) for name in network.inputs)
    rows = sum(_weight_bytes(node, [shapes[node.inputs[0]]]) for node in network.nodes if node.op == "Gather")
    return Cost(3 * forward.macs - to_inputs, 3 * forward.weight_bytes - rows, inputs, 3 * forward.unfused_bytes)


def only_products(network: Network) -> bool:
    """Whether it is matrix products and nothing else: what an SGEMM peak may be taken from."""
    return bool(network.nodes) and all(node.op in PRODUCTS for node in network.nodes)


def _bytes(network: Network, name: str, shape: Shape) -> int:
    """Of one tensor."""
    return math.prod(shape) * (INTEGER_BYTES if name in network.integers else FLOAT_BYTES)


def _weight_bytes(node: Node, inputs: Sequence[Shape]) -> int:
    """What a node reads of its weights."""
    if node.op == "Gather":
        length, *row = node.weights["data"]
        return FLOAT_BYTES * min(length, math.prod(inputs[0])) * math.prod(row)
    return FLOAT_BYTES * sum(map(math.prod, node.weights.values()))


def _count_macs(node: Node, inputs: Sequence[Shape], out: Shape, *, of_states: bool = True) -> int:
    """Multiply-accumulates of one node; of an LSTM or a GRU those with the states may be left out."""
    size = math.prod(out)
    if node.op == "Conv":
        return size * math.prod(node.weights["W"][1:])
    if node.op == "Gemm":
        return size * inner_size(node, inputs)
    if node.op == "Attention":
        (*_, depth), (*_, keys, _), _ = inputs
        return math.prod(out[:3]) * keys * (depth + out[3])
    if node.op in RECURRENT:
        return math.prod(inputs[0][:2]) * sum(math.prod(node.weights[key]) for key in ("W", "R")[: 1 + of_states])
    return size * inputs[0][-1] if node.op == "MatMul" else 0
