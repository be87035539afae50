"""Which networks do the tests of the code inside the images use, and how is one run through a backend?"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import recurrent_files
from tests.network_files import Writer
from tests.transformer_files import bert, described, gpt

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
SEED = 20260101
NETWORKS = tuple(sorted(path.stem for path in (ROOT / "workloads" / "networks").glob("*.json")))

Dict = dict[str, Any]


def read_network(name: str) -> Dict:
    """The network as the harness gets it."""
    network: Dict = json.loads((ROOT / "workloads" / "networks" / f"{name}.json").read_text())
    return network


def thin(network: Dict, factor: int, size: int = 224) -> Dict:
    """The same layers with 1/`factor` of the channels, on images of `size`: operators, strides and pads stay."""
    network = json.loads(json.dumps(network))
    network["inputs"] = {"image": [1, 3, size, size]}
    outputs = {1000, 3}  # classes and colours stay
    for node in network["nodes"]:
        for key, shape in node.get("weights", {}).items():
            if node["op"] == "Conv" and key == "W":
                shape[0] //= factor
                shape[1] = shape[1] if shape[1] in {1, 3} else shape[1] // factor
            else:
                node["weights"][key] = [length if length in outputs else length // factor for length in shape]
                if node["name"] == "fc6" and key == "B":  # the only one that sees the image's size
                    node["weights"][key][1] = 512 // factor * (size // 32) ** 2
        if node.get("attrs", {}).get("group", 1) > 1:
            node["attrs"]["group"] //= factor
    return network


def compute(
    network: Dict, backend: str = "numpy_blas", batch: int = 1, change: Callable[[Dict], None] | None = None
) -> Dict:
    """Output name -> array of one step; `change` does to the weights, node -> {input: array}, what it likes."""
    weights = importlib.import_module("workloads.weights")
    base = importlib.import_module("workloads.backends.base")
    made = importlib.import_module(f"workloads.backends.{backend}").Backend(1, "default", "absent")
    made.configure()
    nodes = [base.Node(data) for data in network["nodes"]]
    shapes = weights.input_shapes(network, batch)
    seeded = weights.make_weights(network, SEED)
    if change:
        change(seeded)
    made.build(nodes, seeded, shapes, network["outputs"])
    made.load(weights.make_inputs(network, batch, SEED))
    made.step()
    outputs: Dict = made.fetch()
    return outputs


def tiny_network() -> Dict:
    """Every operator once or twice, small enough for a subprocess in a unit test; batched, with a softmax."""
    conv = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1], "group": 1}
    names = ("scale", "B", "mean", "var")
    nodes: list[Dict] = [
        {"name": "c1", "op": "Conv", "inputs": ["image"], "weights": {"W": [8, 3, 3, 3], "B": [8]}, "attrs": conv},
        {"name": "n1", "op": "BatchNormalization", "inputs": ["c1"], "weights": {name: [8] for name in names}},
        {"name": "r1", "op": "Relu", "inputs": ["n1"]},
        {"name": "p1", "op": "MaxPool", "inputs": ["r1"], "attrs": {"kernel_shape": [2, 2], "strides": [2, 2]}},
        {"name": "f", "op": "Flatten", "inputs": ["p1"], "attrs": {"axis": 1}},
        {
            "name": "logits",
            "op": "Gemm",
            "inputs": ["f"],
            "weights": {"B": [10, 128], "C": [10]},
            "attrs": {"transB": 1},
        },
        {"name": "prob", "op": "Softmax", "inputs": ["logits"], "attrs": {"axis": 1}},
    ]
    return {
        "name": "tiny",
        "title": "tiny",
        "source": "this test",
        "inputs": {"image": [1, 3, 8, 8]},
        "outputs": ["logits", "prob"],
        "compared": "logits",
        "batched": True,
        "parameters": 8 * 27 + 8 + 16 + 1280 + 10,
        "nodes": nodes,
    }


def branching_network() -> Dict:
    """Tensors that part and meet: Add, Mul of an image and by channel, Concat, ReLU6 that cuts, Sigmoid; no LRN."""
    net = Writer(3)
    x = net.clip("r1", net.conv_norm("c1", "image", 8, 3, pad=1, gain=3.0))
    gate = net.add("s2", "Sigmoid", [net.conv("c2", x, 8, 3, pad=1, bias=True)])
    y = net.squeeze("e3", net.add("m2", "Mul", [x, gate]), 4)
    y = net.add("k3", "Concat", [net.add("a3", "Add", [y, x]), "c2"], channels=16, attrs={"axis": 1})
    attrs = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]}
    y = net.flatten(net.add("p4", "AveragePool", [y], attrs=attrs), 16 * 4 * 4)
    net.prob(net.gemm("logits", y, 10))
    conv = 8 * 27 + 16 + 8 * 8 * 9 + 8
    squeeze = 8 * 4 + 4 + 4 * 8 + 8
    return {"name": "branching", **net.network("branching", "this test", (3, 8, 8), conv + squeeze + 257 * 10)}


def gathering_network() -> Dict:
    """Rows of a table by integers, one of them more than once."""
    nodes: list[Dict] = [
        {"name": "rows", "op": "Gather", "inputs": ["tokens"], "weights": {"data": [11, 8]}},
        {"name": "flat", "op": "Flatten", "inputs": ["rows"], "attrs": {"axis": 1}},
        {
            "name": "logits",
            "op": "Gemm",
            "inputs": ["flat"],
            "weights": {"B": [10, 48], "C": [10]},
            "attrs": {"transB": 1},
        },
        {"name": "prob", "op": "Softmax", "inputs": ["logits"], "attrs": {"axis": 1}},
    ]
    return {
        "name": "gathering",
        "title": "gathering",
        "source": "this test",
        "inputs": {"tokens": [1, 6]},
        "integers": {"tokens": [1, 11]},
        "outputs": ["logits", "prob"],
        "compared": "logits",
        "batched": True,
        "parameters": 88 + 490,
        "nodes": nodes,
    }


def tiny_bert() -> Dict:
    """Two layers of BERT, all of it small."""
    made = bert(layers=2, width=16, heads=2, inner=24, vocabulary=30, positions=9, length=5)
    layer = 4 * 17 * 16 + 17 * 24 + 25 * 16 + 4 * 16
    parameters = (30 + 9 + 2) * 16 + 2 * 16 + 2 * layer + 17 * 16
    return {"name": "tiny_bert", **described(made, "tiny BERT", "this test", parameters)}


def tiny_gpt(past: int) -> Dict:
    """Two blocks of GPT: a prompt of five tokens, or one token behind `past`."""
    made = gpt(blocks=2, width=16, heads=2, inner=24, length=1 if past else 5, past=past)
    block = 4 * 17 * 16 + 17 * 24 + 25 * 16 + 4 * 16
    name = "tiny_decode" if past else "tiny_prefill"
    return {"name": name, **described(made, "tiny GPT", "this test", 2 * block)}


def pieces_network() -> Dict:
    """What tiny_bert has not: an attention that is causal and scaled, and one that is written out of products."""
    nodes: list[Dict] = [
        {"name": "q", "op": "Slice", "inputs": ["x"], "attrs": {"axes": [3], "starts": [0], "ends": [4]}},
        {"name": "k", "op": "Slice", "inputs": ["x"], "attrs": {"axes": [3], "starts": [-4], "ends": [2**31 - 1]}},
        {"name": "w", "op": "Gemm", "inputs": ["rows"], "weights": {"B": [4, 4], "C": [4]}, "attrs": {"transB": 1}},
        {"name": "v", "op": "Reshape", "inputs": ["w"], "attrs": {"shape": [-1, 2, 3, 4]}},
        {"name": "one", "op": "Attention", "inputs": ["q", "v", "v"], "attrs": {"is_causal": 1, "scale": 0.9}},
        {"name": "turned", "op": "Transpose", "inputs": ["v"], "attrs": {"perm": [0, 1, 3, 2]}},
        {"name": "scores", "op": "MatMul", "inputs": ["k", "turned"]},
        {"name": "share", "op": "Softmax", "inputs": ["scores"], "attrs": {"axis": -1}},
        {"name": "two", "op": "MatMul", "inputs": ["share", "v"]},
        {"name": "both", "op": "Concat", "inputs": ["one", "two"], "attrs": {"axis": 2}},
        {"name": "gelu", "op": "Gelu", "inputs": ["both"], "attrs": {"approximate": "tanh"}},
        {"name": "norm", "op": "LayerNormalization", "inputs": ["gelu"], "weights": {"scale": [4], "B": [4]}},
        {"name": "flat", "op": "Flatten", "inputs": ["norm"], "attrs": {"axis": 1}},
        {
            "name": "logits",
            "op": "Gemm",
            "inputs": ["flat"],
            "weights": {"B": [6, 48], "C": [6]},
            "attrs": {"transB": 1},
        },
    ]
    nodes.insert(0, {"name": "rows", "op": "Reshape", "inputs": ["y"], "attrs": {"shape": [-1, 4]}})
    return {
        "name": "pieces",
        "title": "pieces",
        "source": "this test",
        "inputs": {"x": [1, 2, 3, 9], "y": [1, 6, 4]},
        "outputs": ["logits"],
        "compared": "logits",
        "batched": True,
        "parameters": 20 + 8 + 49 * 6,
        "nodes": nodes,
    }


def recurrent_network(*, lengths: bool = True, before: bool = True) -> Dict:
    """An LSTM whose states are averaged, a GRU above it, and beside that a GRU with its reset gate before the product.

    `lengths`: sentences of 2 to 6 words of at most 7.
    """
    inputs, integers = {"tokens": [1, 7]}, {"tokens": [0, 11]}
    also = ["lengths"] if lengths else []
    if lengths:
        inputs, integers = {**inputs, "lengths": [1]}, {**integers, "lengths": [2, 7]}
    kept: Dict = {"axes": [1], "keepdims": 0}
    nodes = [
        recurrent_files.embedding("tokens", 11, 5),
        recurrent_files.recurrent("LSTM", ["embedding", *also], 5, 6, biases=1, output="Y"),
        recurrent_files.recurrent("GRU", ["lstm", *also], 6, 4, biases=2, output="Y_h", linear_before_reset=1),
    ]
    joined, size = ["mean", "gru"], 10
    if before:
        first = recurrent_files.recurrent("GRU", ["lstm", *also], 6, 3, biases=1, output="Y_h", linear_before_reset=0)
        nodes.append({**first, "name": "first"})
        joined, size = [*joined, "first"], 13
    if lengths:
        nodes += [
            {"name": "sum", "op": "ReduceSum", "inputs": ["lstm"], "attrs": kept},
            {"name": "count", "op": "Cast", "inputs": ["lengths"], "attrs": {"to": 1}},
            {"name": "divisor", "op": "Unsqueeze", "inputs": ["count"], "attrs": {"axes": [1]}},
            {"name": "mean", "op": "Div", "inputs": ["sum", "divisor"]},
        ]
    else:
        nodes.append({"name": "mean", "op": "ReduceMean", "inputs": ["lstm"], "attrs": kept})
    nodes.append({"name": "both", "op": "Concat", "inputs": joined, "attrs": {"axis": 1}})
    nodes += recurrent_files.classified("both", size, 10)
    return {"name": "recurrent", **recurrent_files.network("recurrent", "this test", inputs, integers, nodes)}


def sentences_network() -> Dict:
    """An LSTM alone, whose states are averaged over the words of each sentence."""
    made = recurrent_network(before=False)
    nodes = [node for node in made["nodes"] if node["name"] not in {"gru", "both", "logits", "prob"}]
    nodes += recurrent_files.classified("mean", 6, 10)
    found = recurrent_files.network("sentences", "this test", made["inputs"], made["integers"], nodes)
    return {"name": "sentences", **found}


def cell_network() -> Dict:
    """One step of an LSTM from a given state, with a GRU of one step that goes on from its output."""
    nodes = [
        recurrent_files.recurrent("LSTM", ["x", "", "h", "c"], 5, 6, biases=2, output="Y_h"),
        recurrent_files.recurrent("GRU", ["x", "", "lstm"], 5, 6, biases=2, output="Y_h", linear_before_reset=1),
        *recurrent_files.classified("gru", 6, 10),
    ]
    inputs = {"x": [1, 1, 5], "h": [1, 6], "c": [1, 6]}
    return {"name": "cell", **recurrent_files.network("cell", "this test", inputs, {}, nodes)}


def lrn_network() -> Dict:
    """Local response normalisation that is seen, and a convolution of two groups."""
    net = Writer(3)
    x = net.relu("r1", net.conv("c1", "image", 8, 3, pad=1, bias=True, gain=100.0))
    x = net.conv("c2", net.lrn("n1", x), 8, 3, pad=1, group=2, bias=True, gain=0.01)
    x = net.flatten(net.pool("p2", net.relu("r2", x), 2, 2), 8 * 4 * 4)
    net.prob(net.gemm("logits", x, 10))
    return {"name": "lrn", **net.network("lrn", "this test", (3, 8, 8), 8 * 28 + 8 * 37 + 129 * 10)}
