"""Which shape has every tensor of a network? ONNX's rules, through the DAG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.nouns.workload import Network, Node

Shape = tuple[int, ...]


def infer_shapes(network: Network, batch: int = 1) -> dict[str, Shape]:
    """Tensor -> shape at `batch`, for the inputs and for every node's output."""
    first = batch if network.batched else 1
    shapes = {name: (shape[0] * first, *shape[1:]) for name, shape in network.inputs.items()}
    for node in network.nodes:
        rule = RULES.get(node.op)
        if rule is None:
            raise SpecError(f"network {network.name}: {node.name}: catalog/shapes.py has no rule for {node.op}")
        try:
            shapes[node.name] = rule(node, [shapes[name] for name in node.inputs if name])
        except (KeyError, IndexError, ValueError, TypeError) as error:
            where = f"network {network.name}: {node.name} ({node.op})"
            raise SpecError(f"{where}: no shape follows from its inputs and attributes: {error!r}") from None
    return shapes


def infer_node(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Of its output; raises KeyError for an operator without a rule, and what the rule raises where none follows."""
    return RULES[node.op](node, inputs)


def _conv(node: Node, inputs: Sequence[Shape]) -> Shape:
    weight, (batch, channels) = node.weights["W"], inputs[0][:2]
    if channels != weight[1] * node.attrs.get("group", 1):
        raise ValueError(f"{channels} channels for weights {weight} in {node.attrs.get('group', 1)} groups")
    return (batch, weight[0], *_windows(node, inputs[0][2:], node.attrs.get("kernel_shape", weight[2:])))


def _pool(node: Node, inputs: Sequence[Shape]) -> Shape:
    return (*inputs[0][:2], *_windows(node, inputs[0][2:], node.attrs["kernel_shape"]))


def _windows(node: Node, size: Shape, kernel: Sequence[int]) -> Shape:
    """Positions of the kernel in each direction: ONNX's rule for Conv and the pools, with explicit pads."""
    if node.attrs.get("auto_pad", "NOTSET") != "NOTSET":
        raise ValueError("auto_pad; pads have to be written out")
    count = len(kernel)
    pads = node.attrs.get("pads", [0] * 2 * count)
    strides, dilations = node.attrs.get("strides", [1] * count), node.attrs.get("dilations", [1] * count)
    up = bool(node.attrs.get("ceil_mode", 0))
    found = []
    for axis, length in enumerate(size):
        room = length + pads[axis] + pads[axis + count] - dilations[axis] * (kernel[axis] - 1) - 1
        steps = -(-room // strides[axis]) if up else room // strides[axis]
        if room < 0:
            raise ValueError(f"a kernel of {kernel[axis]} on {length} with pads {pads}")
        found.append(steps + 1)
    return tuple(found)


def inner_size(node: Node, inputs: Sequence[Shape]) -> int:
    """Length of the sums of a Gemm."""
    return inputs[0][0] if node.attrs.get("transA", 0) else inputs[0][1]


def _gemm(node: Node, inputs: Sequence[Shape]) -> Shape:
    left = inputs[0]
    right = node.weights["B"] if "B" in node.weights else inputs[1]
    columns, depth = (right[0], right[1]) if node.attrs.get("transB", 0) else (right[1], right[0])
    if len(left) != 2 or depth != inner_size(node, inputs):
        raise ValueError(f"{left} times {right}")
    return (left[1] if node.attrs.get("transA", 0) else left[0], columns)


def _gather(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Rows of a table; the indexes are its only input."""
    if node.attrs.get("axis", 0) != 0:
        raise ValueError("rows of a table are along axis 0")
    (rows,) = inputs
    return (*rows, *node.weights["data"][1:])


def _reshape(node: Node, inputs: Sequence[Shape]) -> Shape:
    """ONNX's rule: 0 is the length that was there, -1 what is left over."""
    size = math.prod(inputs[0])
    wanted = [inputs[0][axis] if length == 0 else length for axis, length in enumerate(node.attrs["shape"])]
    if -1 in wanted:
        wanted[wanted.index(-1)] = size // math.prod(length for length in wanted if length != -1)
    if math.prod(wanted) != size:
        raise ValueError(f"{inputs[0]} as {node.attrs['shape']}")
    return tuple(wanted)


def _transpose(node: Node, inputs: Sequence[Shape]) -> Shape:
    perm = node.attrs["perm"]
    if sorted(perm) != list(range(len(inputs[0]))):
        raise ValueError(f"perm {perm} of {len(inputs[0])} axes")
    return tuple(inputs[0][axis] for axis in perm)


def _slice(node: Node, inputs: Sequence[Shape]) -> Shape:
    sizes = list(inputs[0])
    for axis, start, end in zip(node.attrs["axes"], node.attrs["starts"], node.attrs["ends"], strict=True):
        sizes[axis] = len(range(*slice(start, end).indices(sizes[axis])))
    return tuple(sizes)


def _attention(_node: Node, inputs: Sequence[Shape]) -> Shape:
    """Q [B,heads,S,d], K [B,heads,T,d] and V [B,heads,T,e]."""
    query, key, value = inputs
    if (
        not len(query) == len(key) == len(value) == 4
        or query[:2] != key[:2]
        or query[3] != key[3]
        or key[:3] != value[:3]
    ):
        raise ValueError(f"Q {query}, K {key} and V {value} do not go together")
    return (*query[:3], value[3])


def _recurrent(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Of an LSTM or a GRU: all hidden states, or the last one; workloads/recurrent.py says what the attributes mean."""
    (batch, steps, size), hidden = inputs[0], node.attrs["hidden_size"]
    gates = {"LSTM": 4, "GRU": 3}[node.op]
    if (node.weights["W"], node.weights["R"]) != ((1, gates * hidden, size), (1, gates * hidden, hidden)):
        raise ValueError(f"{inputs[0]} and {hidden} units for {node.weights}")
    return (batch, steps, hidden) if node.attrs.get("output", "Y") == "Y" else (batch, hidden)


def _reduced(node: Node, inputs: Sequence[Shape]) -> Shape:
    axes, keep = node.attrs["axes"], node.attrs.get("keepdims", 1)
    return tuple(1 if axis in axes else size for axis, size in enumerate(inputs[0]) if keep or axis not in axes)


def _unsqueeze(node: Node, inputs: Sequence[Shape]) -> Shape:
    (axis,) = node.attrs["axes"]
    return (*inputs[0][:axis], 1, *inputs[0][axis:])


def _matmul(_node: Node, inputs: Sequence[Shape]) -> Shape:
    left, right = inputs
    if left[-1] != right[-2]:
        raise ValueError(f"{left} times {right}")
    return (*_broadcast(left[:-2], right[:-2]), left[-2], right[-1])


def _broadcast(left: Shape, right: Shape) -> Shape:
    """numpy's rule: sizes are equal from the right, or one of them is 1."""
    count = max(len(left), len(right))
    pairs = zip((1,) * (count - len(left)) + left, (1,) * (count - len(right)) + right, strict=True)
    sizes = []
    for one, two in pairs:
        if one != two and 1 not in (one, two):
            raise ValueError(f"{left} and {right} do not go together")
        sizes.append(max(one, two))
    return tuple(sizes)


def _concat(node: Node, inputs: Sequence[Shape]) -> Shape:
    axis, first = node.attrs["axis"], inputs[0]
    if any(len(each) != len(first) for each in inputs) or any(
        each[:axis] != first[:axis] or each[axis + 1 :] != first[axis + 1 :] for each in inputs
    ):
        raise ValueError(f"{inputs} differ beside axis {axis}")
    return (*first[:axis], sum(each[axis] for each in inputs), *first[axis + 1 :])


def _flatten(node: Node, inputs: Sequence[Shape]) -> Shape:
    axis = node.attrs.get("axis", 1)
    return math.prod(inputs[0][:axis]), math.prod(inputs[0][axis:])


def _same(_node: Node, inputs: Sequence[Shape]) -> Shape:
    return inputs[0]


RULES: dict[str, Callable[[Node, Sequence[Shape]], Shape]] = {
    "Add": lambda _node, inputs: _broadcast(*inputs),
    "Attention": _attention,
    "AveragePool": _pool,
    "BatchNormalization": _same,
    "Cast": _same,
    "Clip": _same,
    "Concat": _concat,
    "Constant": lambda _node, _inputs: (),
    "Conv": _conv,
    "Div": lambda _node, inputs: _broadcast(*inputs),
    "Flatten": _flatten,
    "Gather": _gather,
    "GRU": _recurrent,
    "Gelu": _same,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _node, inputs: (*inputs[0][:2], *(1 for _ in inputs[0][2:])),
    "LRN": _same,
    "LSTM": _recurrent,
    "LayerNormalization": _same,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "Mul": lambda _node, inputs: _broadcast(*inputs),
    "ReduceMean": _reduced,
    "ReduceSum": _reduced,
    "Relu": _same,
    "Reshape": _reshape,
    "Sigmoid": _same,
    "Slice": _slice,
    "Softmax": _same,
    "Tanh": _same,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
