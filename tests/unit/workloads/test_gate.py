"""Can the equality gate fail? One mutation of one operator, in every layer of every network, must be called wrong."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.workloads.networks import SEED, Dict, compute, read_network, thin
from workloads import verify
from workloads.expected import expected

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = {"vgg16": (16, 64), "mobilenet_v1": (8, 128), "resnet18": (8, 64), "resnet50": (16, 64)}
SMALL |= {"mobilenet_v2": (8, 96), "efficientnet_b0": (2, 64), "densenet121": (8, 64)}
"""Network -> (share of the channels, size of the image) that keep a forward pass at a few hundredths of a second.
Depth, operators, strides and pads are the real ones."""

WHOLE = {
    "alexnet": 25,
    "alexnet_lrn": 27,
    "cifar_cnn": 20,
    "cifar_cnn_relu_first": 20,
    "lenet": 12,
    "mnist_cnn": 14,
    "mnist_mlp": 6,
    "mnist_softmax": 2,
}
"""Networks that are small enough as they are -> the least number of ways to change them."""


def without(network: Dict, index: int) -> Dict:
    """The network in which a node's readers read the node's input instead."""
    mutant = copy.deepcopy(network)
    gone = mutant["nodes"].pop(index)
    for node in mutant["nodes"]:
        node["inputs"] = [gone["inputs"][0] if name == gone["name"] else name for name in node["inputs"]]
    return mutant


def changed(network: Dict, index: int, section: str, key: str, value: Any) -> Dict:
    """The network with one attribute of one node set, or with one of its weights taken away (value None)."""
    mutant = copy.deepcopy(network)
    if value is None:
        del mutant["nodes"][index][section][key]
    else:
        mutant["nodes"][index][section][key] = value
    return mutant


def mutants(network: Dict) -> Iterator[tuple[str, Dict]]:
    """(what was done, network) for every way in which published scripts were seen to differ, in every layer."""
    for index, node in enumerate(network["nodes"]):
        name, op, attrs = node["name"], node["op"], node.get("attrs", {})
        if op in {
            "Relu",
            "BatchNormalization",
            "LRN",
            "Clip",
            "Sigmoid",
            "Add",
            "Mul",
        }:  # a branch of the last two goes
            yield f"no {name}", without(network, index)
        for key in {"Conv": ["B"], "Gemm": ["C"]}.get(op, []):
            if key in node["weights"]:
                yield f"{name} without bias", changed(network, index, "weights", key, None)
        if attrs.get("pads") == [1, 1, 1, 1]:
            # The same size of output: TensorFlow's SAME at stride 2, everything at one side at stride 1.
            pads = [0, 0, 1, 1] if attrs["strides"] == [2, 2] else [0, 0, 2, 2]
            yield f"{name} padded at one side", changed(network, index, "attrs", "pads", pads)
        if "strides" in attrs and not (
            attrs["kernel_shape"] == [1, 1] and "squeeze" in name
        ):  # one pixel has no stride
            strides = [1, 1] if attrs["strides"] == [2, 2] else [2, 2]
            yield f"{name} with another stride", changed(network, index, "attrs", "strides", strides)
        if op == "Clip":
            mutant = copy.deepcopy(network)
            mutant["nodes"][index]["op"] = "Relu"
            yield f"{name} without an upper bound", mutant
        if op == "MaxPool":
            mutant = copy.deepcopy(network)
            mutant["nodes"][index]["op"] = "AveragePool"
            mutant["nodes"][index]["attrs"]["count_include_pad"] = 1
            yield f"{name} takes the mean", mutant
        if op == "Softmax":
            yield f"no {name}", without_softmax(network, index)


def without_softmax(network: Dict, index: int) -> Dict:
    """The network whose `prob` went through two softmaxes, as a published one did."""
    mutant = copy.deepcopy(network)
    first = dict(mutant["nodes"][index], name="first")
    mutant["nodes"][index]["inputs"] = ["first"]
    mutant["nodes"].insert(index, first)
    return mutant


def worst_error(network: Dict, wanted: Dict) -> float:
    """Largest error of the outputs; infinite where the network cannot be computed at all."""
    try:
        found = verify.errors(verify.sampled(compute(network), wanted), wanted)
    except (ValueError, verify.Wrong):  # shapes that no longer fit
        return float("inf")
    return max(float(found[name] / wanted[name]["tolerance"]) for name in wanted)


@pytest.mark.parametrize("name", [*SMALL, *WHOLE])
def test_any_single_mutation_in_any_layer_is_called_wrong_and_the_network_itself_is_not(name: str) -> None:
    network = thin(read_network(name), *SMALL[name]) if name in SMALL else read_network(name)
    wanted = expected(network, 1, SEED)
    assert worst_error(network, wanted) < 0.1, "float32 itself must pass with a margin of ten"
    caught = {what: worst_error(mutant, wanted) for what, mutant in mutants(network)}
    assert len(caught) >= WHOLE.get(name, 61)
    missed = {what: error for what, error in caught.items() if error < 10}
    assert not missed, "beyond the tolerance by less than ten times"


def test_a_transposed_operand_of_the_matrix_product_is_called_wrong() -> None:
    network = read_network("gemm")
    wanted = expected(network, 1, SEED)
    assert worst_error(network, wanted) < 0.1
    mutant = copy.deepcopy(network)
    mutant["nodes"][0]["inputs"] = ["b", "a"]
    assert worst_error(mutant, wanted) > 100


def test_an_output_that_is_missing_too_short_or_not_finite_is_called_wrong() -> None:
    wanted = {"y": {"positions": [0, 3], "values": [1.0, 2.0], "spread": 1.0, "tolerance": 1e-3}}
    with pytest.raises(verify.Wrong, match="missing"):
        verify.sampled({}, wanted)
    with pytest.raises(verify.Wrong, match="position 3"):
        verify.sampled({"y": [1.0, 2.0]}, wanted)
    found = verify.errors(verify.sampled({"y": [1.0, 0.0, 0.0, float("nan")]}, wanted), wanted)
    with pytest.raises(verify.Wrong):
        verify.check_errors(found, wanted)


def test_a_wrong_parameter_count_is_called_wrong() -> None:
    with pytest.raises(verify.Wrong, match="7 parameters, 8 were published"):
        verify.check_parameters(7, {"parameters": 8})
