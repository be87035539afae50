"""Are operations and bytes those of the published tables, and of small cases counted by hand?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.catalog.cost import count_gradient, count_network, only_products
from orchestrator.catalog.shapes import infer_shapes
from orchestrator.catalog.work import read_networks
from orchestrator.errors import SpecError
from orchestrator.nouns.workload import Network, Node
from tests.unit.workloads.networks import read_network, tiny_network
from workloads.backends import base, reference

NETWORKS = read_networks()
SHAPED = ["mobilenet_v1", "vgg16", "resnet18", "lenet", "bert_base", "gpt_decode", "gpt_prefill"]
RECURRENT = sorted(name for name in NETWORKS if name.startswith(("imdb", "lstm")))
Shape = tuple[int, ...]
Case = tuple[str, Shape, dict[str, Shape], dict[str, Any], Shape, int]


def network(*nodes: Node, inputs: dict[str, tuple[int, ...]], **fields: Any) -> Network:
    last = nodes[-1].name
    named: dict[str, Any] = {"name": "n", "title": "", "source": "", "parameters": 0, "compared": last}
    return Network(**named, inputs=inputs, outputs=(last,), nodes=nodes, **fields)


def one(op: str, x: tuple[int, ...], weights: dict[str, tuple[int, ...]] | None = None, **attrs: Any) -> Network:
    """A network of one operator."""
    return network(Node(name="y", op=op, inputs=("x",), weights=weights or {}, attrs=attrs), inputs={"x": x})


def published(name: str, size: int = 224) -> Network:
    changed = NETWORKS[name].model_copy(update={"inputs": {"image": (1, 3, size, size)}})
    return Network.model_validate(changed.model_dump())


# Millions of multiply-adds. Howard et al., "MobileNets", 2017 (arXiv 1704.04861): table 8 gives 569 for MobileNet v1
# and 15300 for VGG-16; table 7 the smaller images. The 15300 are the convolutions alone, as in He et al. 2015 (arXiv
# 1512.03385, "15.3 billion"); with the three fully connected layers VGG-16 has the 15.5 of Canziani et al. 2016 (arXiv
# 1605.07678) and of most tables.
# The ResNets, MobileNet v2, EfficientNet-B0 and DenseNet-121 are those of torchvision's table of weights (GFLOPS 1.81,
# 4.09, 0.30, 0.39 and 2.83, which are multiply-adds). AlexNet with groups: Sze et al. 2017 (arXiv 1703.09039), table
# II; in one tower conv1 105.4, conv2 447.9, conv3 149.5, conv4 224.3 and conv5 149.5, of which 2, 4 and 5 are twice
# theirs, and 58.6 of fully connected layers.
@pytest.mark.parametrize(
    ("name", "size", "millions"),
    [
        ("mobilenet_v1", 224, 569),
        ("mobilenet_v1", 192, 418),
        ("mobilenet_v1", 160, 290),
        ("mobilenet_v1", 128, 186),
        ("vgg16", 224, 15_470),
        ("resnet18", 224, 1_814),
        ("resnet50", 224, 4_089),
        ("alexnet", 227, 1_135),
        ("alexnet_lrn", 227, 724),
        ("mobilenet_v2", 224, 301),
        ("efficientnet_b0", 224, 386),
        ("densenet121", 224, 2_834),
    ],
)
def test_multiply_accumulates_are_the_published_ones(name: str, size: int, millions: int) -> None:
    assert round(count_network(published(name, size)).macs / 1e6) == pytest.approx(millions, abs=1)


def test_the_convolutions_of_vgg16_are_15_3_billion_and_all_of_it_15_5() -> None:
    whole = NETWORKS["vgg16"]
    end = next(index for index, node in enumerate(whole.nodes) if node.op == "Flatten")
    convolutions = whole.model_copy(update={"nodes": whole.nodes[:end], "outputs": (whole.nodes[end - 1].name,)})
    assert round(count_network(convolutions).macs / 1e9, 1) == 15.3
    assert round(count_network(whole).macs / 1e9, 1) == 15.5


def test_the_product_of_2048_has_17_2_gigaflop_and_three_matrices_of_traffic() -> None:
    cost = count_network(NETWORKS["gemm"])
    assert cost.flops == 2 * 2048**3
    assert cost.compulsory_bytes == 3 * 2048 * 2048 * 4
    assert cost.weight_bytes == 0
    assert only_products(NETWORKS["gemm"])
    assert not only_products(NETWORKS["vgg16"])
    assert not only_products(NETWORKS["gemm"].model_copy(update={"nodes": ()}))


# op, input, weights, attributes -> output, MAC; all by hand
CASES: list[Case] = [
    ("Conv", (1, 3, 8, 8), {"W": (4, 3, 3, 3), "B": (4,)}, {"pads": [1, 1, 1, 1]}, (1, 4, 8, 8), 256 * 27),
    ("Conv", (1, 4, 8, 8), {"W": (4, 1, 3, 3)}, {"group": 4, "strides": [2, 2]}, (1, 4, 3, 3), 36 * 9),
    ("Conv", (1, 4, 9, 9), {"W": (6, 2, 3, 3)}, {"group": 2, "dilations": [2, 2]}, (1, 6, 5, 5), 150 * 18),
    ("Conv", (1, 1, 5, 7), {"W": (1, 1, 1, 3)}, {"pads": [0, 3, 0, 0], "strides": [2, 3]}, (1, 1, 3, 3), 9 * 3),
    ("Gemm", (2, 5), {"B": (7, 5), "C": (7,)}, {"transB": 1}, (2, 7), 70),
    ("Gemm", (2, 5), {"B": (5, 7)}, {}, (2, 7), 70),
    ("Gemm", (5, 2), {"B": (5, 7)}, {"transA": 1}, (2, 7), 70),
    ("MaxPool", (1, 2, 7, 7), {}, {"kernel_shape": [3, 3], "strides": [2, 2]}, (1, 2, 3, 3), 0),
    ("MaxPool", (1, 1, 6, 6), {}, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, (1, 1, 3, 3), 0),
    ("AveragePool", (1, 1, 4, 4), {}, {"kernel_shape": [2, 2], "strides": [2, 2]}, (1, 1, 2, 2), 0),
    ("GlobalAveragePool", (1, 3, 4, 5), {}, {}, (1, 3, 1, 1), 0),
    (
        "BatchNormalization",
        (1, 3, 2, 2),
        {"scale": (3,), "B": (3,), "mean": (3,), "var": (3,)},
        {},
        (1, 3, 2, 2),
        0,
    ),
    ("BatchNormalization", (2, 3, 2, 2), {"scale": (3,)}, {"training_mode": 1}, (2, 3, 2, 2), 0),
    ("Relu", (1, 10), {}, {}, (1, 10), 0),
    ("Clip", (1, 10), {}, {"min": 0, "max": 6}, (1, 10), 0),
    ("Sigmoid", (1, 10), {}, {}, (1, 10), 0),
    ("LRN", (1, 8, 3, 3), {}, {"size": 5}, (1, 8, 3, 3), 0),
    ("Softmax", (1, 10), {}, {}, (1, 10), 0),
    ("Flatten", (2, 3, 4), {}, {"axis": 1}, (2, 12), 0),
    ("Flatten", (2, 3, 4), {}, {"axis": 2}, (6, 4), 0),
    ("Gelu", (1, 10), {}, {"approximate": "tanh"}, (1, 10), 0),
    ("LayerNormalization", (2, 10), {"scale": (10,), "B": (10,)}, {"axis": -1}, (2, 10), 0),
    ("Reshape", (6, 8), {}, {"shape": [-1, 3, 2, 4]}, (2, 3, 2, 4), 0),
    ("Reshape", (6, 8), {}, {"shape": [0, 2, -1]}, (6, 2, 4), 0),
    ("Tanh", (1, 10), {}, {}, (1, 10), 0),
    ("Transpose", (2, 3, 4), {}, {"perm": [2, 0, 1]}, (4, 2, 3), 0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]}")
def test_small_cases_are_as_counted_by_hand(case: Case) -> None:
    op, shape, weights, attrs, out, macs = case
    made = one(op, shape, weights, **attrs)
    cost = count_network(made)
    assert infer_shapes(made)["y"] == out
    assert cost.macs == macs
    assert cost.weight_bytes == 4 * sum(math.prod(each) for each in weights.values())
    ends = 4 * (math.prod(shape) + math.prod(out))
    assert cost.activation_bytes == ends
    assert cost.unfused_bytes == (0 if op in {"Flatten", "Reshape"} else ends)


def test_two_inputs_are_added_and_multiplied_by_the_rules_of_broadcasting() -> None:
    inputs: dict[str, tuple[int, ...]] = {"a": (2, 1, 4, 5), "b": (3, 5, 6), "c": (6,)}
    made = network(
        Node(name="p", op="MatMul", inputs=("a", "b")), Node(name="y", op="Add", inputs=("p", "c")), inputs=inputs
    )
    shapes = infer_shapes(made)
    assert shapes["p"] == np.matmul(np.zeros(inputs["a"]), np.zeros(inputs["b"])).shape == (2, 3, 4, 6)
    assert count_network(made).macs == 2 * 3 * 4 * 6 * 5


def test_an_attention_has_two_products_for_every_pair_of_query_and_key_masked_or_not() -> None:
    inputs: dict[str, tuple[int, ...]] = {"q": (1, 3, 5, 8), "k": (1, 3, 7, 8), "v": (1, 3, 7, 6)}
    for causal in (0, 1):
        node = Node(name="y", op="Attention", inputs=("q", "k", "v"), attrs={"is_causal": causal})
        made = network(node, inputs=inputs)
        assert infer_shapes(made, 2)["y"] == (2, 3, 5, 6)
        assert count_network(made, 2).macs == 2 * 3 * 5 * 7 * (8 + 6)


def test_a_slice_has_the_shape_of_python_s() -> None:
    made = one("Slice", (2, 5, 12), axes=[2, 1], starts=[-7, 1], ends=[2**31 - 1, -1])
    assert infer_shapes(made)["y"] == np.zeros((2, 5, 12))[:, 1:-1, -7:].shape


# Sun et al., "MobileBERT", ACL 2020 (arXiv 2004.02984), table 1, gives BERT base 22.5 thousand million FLOPS at 128
# tokens: two per multiply-add, of which 0.1 are in what follows the products.
def test_bert_base_has_the_published_number_of_operations() -> None:
    assert count_network(NETWORKS["bert_base"]).flops / 1e9 == pytest.approx(22.5, abs=0.2)


def test_a_constant_is_a_number_that_nothing_moves_for() -> None:
    nodes = (
        Node(name="c", op="Constant", inputs=(), attrs={"value_float": 255.0}),
        Node(name="y", op="Div", inputs=("x", "c")),
    )
    made = network(*nodes, inputs={"x": (1, 3, 4, 4)})
    counted = count_network(made)
    assert infer_shapes(made) == {"x": (1, 3, 4, 4), "c": (), "y": (1, 3, 4, 4)}
    assert counted.macs == counted.weight_bytes == 0
    assert counted.activation_bytes == 4 * 96


def test_a_gather_moves_the_rows_that_it_reads_and_its_integers_have_eight_bytes() -> None:
    table = Node(name="y", op="Gather", inputs=("x",), weights={"data": (30, 12)})
    made = network(table, inputs={"x": (1, 7)}, integers={"x": (0, 30)})
    cost = count_network(made, 2)
    assert infer_shapes(made, 2)["y"] == (2, 7, 12)
    assert cost.macs == 0
    assert cost.weight_bytes == 4 * 14 * 12
    assert cost.activation_bytes == cost.unfused_bytes == 8 * 14 + 4 * 14 * 12
    assert count_network(made, 100).weight_bytes == 4 * 30 * 12
    assert count_gradient(made, 2).weight_bytes == 2 * 4 * 14 * 12


# Bytes of weights, of ends and of gradients follow from shapes; MAC by hand: steps * gates * units * (inputs + units).
def test_a_recurrent_layer_multiplies_its_input_and_its_state_at_every_step() -> None:
    made = NETWORKS["lstm_512"]
    assert infer_shapes(made, 4)["lstm"] == (4, 512)
    assert count_network(made, 4).macs == 4 * 25 * 4 * 512 * (512 + 512)
    assert count_gradient(made, 4).macs == 4 * 25 * 4 * 512 * (2 * 512 + 3 * 512)  # its inputs have no gradient
    above = NETWORKS["imdb_gru"]
    assert count_network(above).macs == 150 * 3 * 100 * (125 + 100) + 200
    assert count_gradient(above).macs == 3 * count_network(above).macs
    pooled = infer_shapes(NETWORKS["imdb_lstm"], 2)
    shapes = [pooled[name] for name in ("lstm", "sum", "count", "divisor", "mean")]
    assert shapes == [(2, 100, 128), (2, 128), (2,), (2, 1), (2, 128)]


@pytest.mark.parametrize("name", [*SHAPED, "tiny", *RECURRENT])
def test_shapes_are_those_that_the_reference_computes(name: str) -> None:
    data = tiny_network() if name == "tiny" else read_network(name)
    made = Network.model_validate(data)
    count = len(made.nodes) if name.startswith("gpt") else 12  # of every kind some; the depth adds nothing but time
    made = made.model_copy(update={"nodes": made.nodes[:count]})
    weights = __import__("workloads.weights", fromlist=["make_node"])
    arrays = __import__("workloads.weights", fromlist=["make_inputs"]).make_inputs(data, 1, 1)
    backend = reference.Backend(1, "default", "absent")
    for data_node in data["nodes"][:count]:
        node = base.Node(data_node)
        operator = backend.operators([node], {node.name: weights.make_node(node, 1)})[0][1]
        arrays[node.name] = operator(*node.given(arrays))
    assert {key: array.shape for key, array in arrays.items()} == infer_shapes(made)


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=10, deadline=None)
@given(batch=st.integers(1, 512))
def test_a_batch_multiplies_operations_and_activations_and_no_weights(name: str, batch: int) -> None:
    one_sample, many = count_network(NETWORKS[name]), count_network(NETWORKS[name], batch)
    times = batch if NETWORKS[name].batched else 1
    assert many.macs == times * one_sample.macs
    assert many.activation_bytes == times * one_sample.activation_bytes
    assert many.unfused_bytes == times * one_sample.unfused_bytes
    tables = sum(math.prod(node.weights["data"]) for node in NETWORKS[name].nodes if node.op == "Gather")
    assert 0 <= many.weight_bytes - one_sample.weight_bytes <= 4 * tables
    assert many.intensity >= one_sample.intensity


def test_a_gradient_is_two_products_more_but_for_the_input_of_the_network() -> None:
    nodes = (
        Node(name="a", op="Gemm", inputs=("x",), weights={"B": (20, 10), "C": (20,)}, attrs={"transB": 1}),
        Node(name="y", op="Gemm", inputs=("a",), weights={"B": (5, 20)}, attrs={"transB": 1}),
    )
    made = network(*nodes, inputs={"x": (1, 10)})
    assert count_gradient(made, 4).macs == 4 * (2 * 10 * 20 + 3 * 20 * 5)
    assert count_gradient(made, 4).weight_bytes == 3 * 4 * (200 + 20 + 100)
    assert count_gradient(made, 4).activation_bytes == 4 * 4 * 10


@pytest.mark.parametrize("name", NETWORKS)
def test_what_cannot_be_avoided_is_never_more_than_what_every_operator_moves(name: str) -> None:
    cost = count_network(NETWORKS[name])
    assert cost.unfused_intensity <= cost.intensity


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (one("Erf", (1, 4)), "n: y: .* no rule for Erf"),
        (one("Reshape", (2, 6), shape=[-1, 5]), r"\(2, 6\) as \[-1, 5\]"),
        (one("Transpose", (2, 6), perm=[0, 2]), "perm"),
        (one("Attention", (2, 6)), "Attention"),
        (one("Conv", (1, 4, 8, 8), {"W": (4, 3, 3, 3)}), r"4 channels for weights \(4, 3, 3, 3\) in 1 groups"),
        (one("Conv", (1, 3, 8, 8), {"W": (4, 3, 3, 3)}, auto_pad="SAME_UPPER"), "auto_pad"),
        (one("Conv", (1, 3, 2, 2), {"W": (4, 3, 3, 3)}), "a kernel of 3 on 2"),
        (one("Conv", (1, 3, 8, 8)), "KeyError"),
        (one("Gemm", (2, 5), {"B": (5, 7)}, transB=1), r"\(2, 5\) times \(5, 7\)"),
        (one("MatMul", (2, 5)), "MatMul"),
        (one("LSTM", (1, 5, 3), {"W": (1, 8, 4), "R": (1, 8, 2)}, hidden_size=2), r"\(1, 5, 3\) and 2 units"),
    ],
)
def test_what_has_no_shape_is_refused_with_its_place(made: Network, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        count_network(made)
