"""Is a network on images of another size the same network?"""

from __future__ import annotations

import pytest

from orchestrator.catalog.cost import count_network
from orchestrator.catalog.shapes import infer_shapes
from orchestrator.catalog.work import parse_workload, read_networks, select_workloads
from orchestrator.errors import SpecError, UnknownNameError

NETWORKS = read_networks()


def test_a_network_without_dense_layers_behind_its_image_keeps_its_parameters() -> None:
    made = NETWORKS["resnet50.160"]
    assert made.inputs == {"image": (1, 3, 160, 160)}
    assert made.parameters == NETWORKS["resnet50"].parameters
    assert infer_shapes(made)["logits"] == (1, 1000)
    # Stages of 40, 20, 10 and 5 in place of 56, 28, 14 and 7: all products but the classifier's shrink alike.
    whole, classifier = count_network(NETWORKS["resnet50"]).macs, 2048 * 1000
    assert (count_network(made).macs - classifier) / (whole - classifier) == pytest.approx((160 / 224) ** 2, rel=1e-9)


def test_a_dense_layer_behind_the_image_takes_what_comes() -> None:
    made = NETWORKS["vgg16.160"]
    (fc6,) = [node for node in made.nodes if node.name == "fc6"]
    assert fc6.weights["B"] == (4096, 512 * 5 * 5)
    assert made.parameters == NETWORKS["vgg16"].parameters - 4096 * 512 * (49 - 25)
    assert NETWORKS["vgg16.224"].parameters == NETWORKS["vgg16"].parameters


@pytest.mark.parametrize(
    ("name", "what"), [("vgg16.8", "a kernel of 2 on 1"), ("alexnet.30", "a kernel of"), ("gemm.7", "no square")]
)
def test_a_size_that_does_not_fit_is_refused_by_name(name: str, what: str) -> None:
    with pytest.raises(SpecError, match=what):
        NETWORKS[name]


@pytest.mark.parametrize("name", ["resnet50.", "resnet50.x", "resnet50.0160", "nothing.160", "resnet50.160.160"])
def test_what_is_no_network_and_size_is_not_among_them(name: str) -> None:
    assert name not in NETWORKS
    with pytest.raises(UnknownNameError):
        parse_workload(f"{name}-infer-b1", NETWORKS)


def test_sizes_are_not_listed_but_can_be_named_with_braces() -> None:
    assert all("." not in name for name in NETWORKS)
    chosen = select_workloads("resnet50.{128,160}-train-b{1,8}, gemm-infer-b1")
    assert [work.id for work in chosen] == [
        "resnet50.128-train-b1",
        "resnet50.128-train-b8",
        "resnet50.160-train-b1",
        "resnet50.160-train-b8",
        "gemm-infer-b1",
    ]
