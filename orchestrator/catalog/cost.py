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
SOFTMAX_FLOPS = 5
"""Per element: maximum, difference, exponential, sum, quotient; an exponential counts as one."""
PRODUCTS = frozenset({"MatMul", "Gemm"})
VIEWS = frozenset({"Constant", "Flatten"})
"""Operators that move nothing: another shape of the same bytes, or a number in the code."""


@dataclass(frozen=True)
class Cost:
    """One step, or one operator of it."""

    macs: int
    """Multiply-accumulates of Conv, Gemm and MatMul, without biases: what published tables count."""
    elementwise_flops: int
    """Everything else: biases, batch norms, activations, pools, softmax."""
    weight_bytes: int
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
    macs = other = weights = moved = 0
    for node in network.nodes:
        inputs = [shapes[name] for name in node.inputs]
        made = _count(node, inputs, shapes[node.name])
        macs, other = macs + made[0], other + made[1]
        weights += sum(math.prod(shape) for shape in node.weights.values())
        if node.op not in VIEWS:
            moved += sum(map(math.prod, inputs)) + math.prod(shapes[node.name])
    ends = sum(math.prod(shapes[name]) for name in (*network.inputs, *network.outputs))
    return Cost(macs, other, FLOAT_BYTES * weights, FLOAT_BYTES * ends, FLOAT_BYTES * moved)


def only_products(network: Network) -> bool:
    """Whether it is matrix products and nothing else: what an SGEMM peak may be taken from."""
    return bool(network.nodes) and all(node.op in PRODUCTS for node in network.nodes)


def _count(node: Node, inputs: Sequence[Shape], out: Shape) -> tuple[int, int]:
    """(multiply-accumulates, other operations) of one node."""
    size = math.prod(out)
    if node.op == "Conv":
        return size * math.prod(node.weights["W"][1:]), size if "B" in node.weights else 0
    if node.op == "Gemm":
        return size * inner_size(node, inputs), size if "C" in node.weights else 0
    if node.op == "MatMul":
        return size * inputs[0][-1], 0
    return 0, _elementwise(node, inputs, size)


def _elementwise(node: Node, inputs: Sequence[Shape], size: int) -> int:
    if node.op == "BatchNormalization":
        # at inference one product and one sum; over the batch also the sum and the squared differences
        return (6 if node.attrs.get("training_mode", 0) else 2) * size
    if node.op == "MaxPool":
        return size * (_taps(node) - 1)
    if node.op == "AveragePool":
        return size * _taps(node)
    if node.op == "GlobalAveragePool":
        return math.prod(inputs[0])
    if node.op == "Softmax":
        return SOFTMAX_FLOPS * size
    return 0 if node.op in VIEWS else size


def _taps(node: Node) -> int:
    kernel: list[int] = node.attrs["kernel_shape"]
    return math.prod(kernel)
