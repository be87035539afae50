"""Is each mistaken network the right one but for its mistake, and does the equality gate call it wrong?"""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from orchestrator.analysis.as_published import differ
from orchestrator.catalog.shapes import infer_shapes
from orchestrator.nouns.job import Expected
from orchestrator.nouns.workload import Network, Node, Workload
from orchestrator.published import mistaken
from orchestrator.published.mistaken import RECREATIONS, count_parameters, derive_networks
from tests.unit.published.makers import SMALL, network, small
from tests.unit.workloads.networks import SEED, compute


def nodes(made: Network) -> dict[str, Node]:
    return {node.name: node for node in made.nodes}


def outputs(made: Network, wanted: Any) -> dict[str, list[float]]:
    """What the reference backend computes of it, in float32, at the positions of `wanted` that there are."""
    found = compute(made.model_dump(mode="json"), "reference")
    positions = importlib.import_module("workloads.expected").positions
    flat = {name: array.ravel() for name, array in found.items()}
    return {name: [float(values[at]) for at in positions(values.size)] for name, values in flat.items()}


def expected_of(made: Network) -> dict[str, Expected]:
    found = importlib.import_module("workloads.expected").expected(made.model_dump(mode="json"), 1, SEED)
    return {name: Expected.model_validate(value) for name, value in found.items()}


def test_relus_behind_dense_layers_are_gone_and_nothing_else() -> None:
    right, made = network("vgg16"), mistaken.drop_relus(network("vgg16"))
    assert nodes(right).keys() - nodes(made).keys() == {"relu6", "relu7"}
    changed = {name for name, node in nodes(made).items() if node != nodes(right)[name]}
    assert changed == {"fc7", "logits"}
    assert (nodes(made)["fc7"].inputs, nodes(made)["logits"].inputs) == (("fc6",), ("fc7",))
    assert made.parameters == right.parameters


def test_the_classifier_is_gone_and_its_features_are_what_is_left() -> None:
    right, made = network("mobilenet_v1"), mistaken.drop_classifier(network("mobilenet_v1"))
    assert not [node for node in made.nodes if node.op == "Gemm"]
    assert infer_shapes(made)["logits"] == infer_shapes(made)["prob"] == (1, 1024)
    assert right.parameters - made.parameters == 1024 * 1000 + 1000
    assert made.outputs == right.outputs
    assert len(made.nodes) == len(right.nodes) - 1


def test_a_second_softmax_reads_the_first_and_keeps_the_name_of_the_output() -> None:
    right, made = network("mobilenet_v1"), mistaken.double_softmax(network("mobilenet_v1"))
    assert [node.op for node in made.nodes][-2:] == ["Softmax", "Softmax"]
    assert made.nodes[-2].inputs == ("logits",)
    assert made.nodes[-1].inputs == (made.nodes[-2].name,)
    assert made.nodes[:-2] == right.nodes[:-1]
    assert made.nodes[-1].name == "prob"


def test_without_a_softmax_the_logits_are_all_that_is_fetched() -> None:
    right, made = network("mobilenet_v1"), mistaken.drop_softmax(network("mobilenet_v1"))
    assert made.outputs == ("logits",)
    assert made.nodes == right.nodes[:-1]


def test_every_batch_norm_uses_the_statistics_of_its_batch() -> None:
    right, made = network("mobilenet_v1"), mistaken.normalise_by_batch(network("mobilenet_v1"))
    norms = [node for node in made.nodes if node.op == "BatchNormalization"]
    assert len(norms) == 27
    assert all(node.attrs == {"epsilon": 0.001, "training_mode": 1} for node in norms)
    others = [node for node in made.nodes if node.op != "BatchNormalization"]
    assert others == [node for node in right.nodes if node.op != "BatchNormalization"]
    assert made.parameters == right.parameters


def test_every_convolution_has_a_bias_of_its_own_size() -> None:
    right, made = network("mobilenet_v1"), mistaken.add_biases(network("mobilenet_v1"))
    convolutions = [node for node in made.nodes if node.op == "Conv"]
    assert all(node.weights["B"] == (node.weights["W"][0],) for node in convolutions)
    assert made.parameters - right.parameters == sum(node.weights["W"][0] for node in convolutions) == 10_944
    vgg = network("vgg16")
    assert mistaken.add_biases(vgg).nodes == vgg.nodes, "which has its biases already"


def test_the_input_is_divided_before_anybody_reads_it() -> None:
    right, made = network("vgg16"), mistaken.scale_input(network("vgg16"))
    by, scaled, first = made.nodes[:3]
    assert (by.op, by.attrs) == ("Constant", {"value_float": 255.0})
    assert (scaled.op, scaled.inputs) == ("Div", ("image", by.name))
    assert first.inputs == (scaled.name,)
    assert made.nodes[3:] == right.nodes[1:]


@pytest.mark.parametrize("name", RECREATIONS)
def test_a_mistaken_network_is_a_network_of_its_own_name_whose_parameters_are_those_it_has(name: str) -> None:
    right = network(RECREATIONS[name].network)
    made = derive_networks({right.name: right})[name]
    assert made.name == name
    assert Network.model_validate(made.model_dump(mode="json")) == made
    assert Workload(network=name).id == f"{name}-infer-b1"
    shapes = infer_shapes(made)
    assert all(output in shapes for output in made.outputs)
    assert made != right.model_copy(update={"name": name})
    assert derive_networks({}) == {}


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v1"])
def test_parameters_are_counted_as_the_harness_counts_them(name: str) -> None:
    made = small(name)
    weights = importlib.import_module("workloads.weights")
    assert weights.parameters(weights.make_weights(made.model_dump(mode="json"), SEED)) == made.parameters
    assert count_parameters(network(name).nodes) == network(name).parameters


@pytest.mark.parametrize("name", SMALL)
def test_the_gate_lets_the_right_network_pass(name: str) -> None:
    right = small(name)
    wanted = expected_of(right)
    assert differ(right, right, outputs(right, wanted), wanted) == []


WORDS = {
    "vgg16.no_fc_relu": ("output logits: error", "output prob: error"),
    "vgg16.scaled_input": ("output logits: error", "output prob: error"),
    "mobilenet_v1.no_classifier": ("parameters", "output logits: 128 values for 1000", "output prob: 128 values"),
    "mobilenet_v1.softmax_twice": ("output prob: error",),
    "mobilenet_v1.no_softmax": ("output prob: 0 values for 1000",),
    "mobilenet_v1.batch_statistics": ("output logits: error", "output prob: error"),
    "mobilenet_v1.conv_bias": ("parameters", "output logits: error", "output prob: error"),
}


@pytest.mark.parametrize("name", RECREATIONS)
def test_the_gate_calls_every_mistake_wrong_and_says_what_is(name: str) -> None:
    right = small(RECREATIONS[name].network)
    made = RECREATIONS[name].derive(right)
    wanted = expected_of(right)
    found = differ(right, made, outputs(made, wanted), wanted)
    assert len(found) == len(WORDS[name]), found
    assert all(words in line for words, line in zip(WORDS[name], found, strict=True)), found


def test_the_gate_fails_by_the_tolerance_and_not_by_less() -> None:
    right = small("vgg16")
    wanted = {"logits": Expected(positions=(0, 1), values=(1.0, 2.0), spread=2.0, tolerance=1e-3)}
    assert differ(right, right, {"logits": (1.0, 2.0019)}, wanted) == []
    assert differ(right, right, {"logits": (1.0, 2.82)}, wanted) == [
        "output logits: error 0.41 of the spread, 0.001 may pass"
    ]
    assert len(differ(right, right, {"logits": (1.0, float("nan"))}, wanted)) == 1
