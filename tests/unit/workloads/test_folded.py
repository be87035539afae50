"""Does a network whose layers were merged compute what it computed before?"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.unit.workloads import networks
from workloads import folded, weights
from workloads.backends.base import Node


def test_batch_norm_goes_into_the_convolution_and_relu_behind_it() -> None:
    network = networks.tiny_network()
    nodes = [Node(data) for data in network["nodes"]]
    made, merged = folded.fold(nodes, weights.make_weights(network, 1), network["outputs"])
    assert [node.name for node in made] == ["r1", "p1", "f", "logits", "prob"]
    assert made[0].attrs["activation"] == "relu"
    assert set(merged) == {"r1", "logits"}


def test_a_scaled_convolution_is_the_convolution_and_its_batch_norm() -> None:
    random = np.random.RandomState(3)
    conv: Any = {"W": random.standard_normal((4, 3, 1, 1)).astype(np.float32), "B": np.ones(4, np.float32)}
    norm: Any = {key: random.standard_normal(4).astype(np.float32) for key in ("scale", "B", "mean")}
    norm["var"] = np.full(4, 2.0, np.float32)
    x = random.standard_normal(3)
    y = conv["W"][:, :, 0, 0] @ x + conv["B"]
    expected = norm["scale"] * (y - norm["mean"]) / np.sqrt(norm["var"] + 0.5) + norm["B"]
    both = folded.scale(conv, norm, 0.5)
    np.testing.assert_allclose(both["W"][:, :, 0, 0] @ x + both["B"], expected, rtol=1e-5, atol=1e-6)


def test_what_an_output_needs_is_not_merged() -> None:
    network = networks.tiny_network()
    nodes = [Node(data) for data in network["nodes"]]
    made, _ = folded.fold(nodes, weights.make_weights(network, 1), ["c1", "prob"])
    assert [node.name for node in made][:2] == ["c1", "n1"]


def test_an_image_is_flattened_as_it_lies_where_the_weights_can_follow() -> None:
    """Both ways of a Gemm, from an image whose channels are known; the float64 definition says what is right."""
    random = np.random.RandomState(5)
    image = random.standard_normal((2, 3, 4, 5)).astype(np.float32)  # N, C, H, W
    for turned in (0, 1):
        b = random.standard_normal((60, 7)).astype(np.float32)
        given: Any = {"conv": {"W": np.zeros((3, 1, 1, 1))}, "fc": {"B": b.T.copy() if turned else b}}
        made, moved = folded.flatten_last(chain(turned), given, ["fc"])
        assert [node.attrs.get("channels_last", 0) for node in made if node.op == "Flatten"] == [1]
        weight = moved["fc"]["B"].T if turned else moved["fc"]["B"]
        assert weight.flags["C_CONTIGUOUS"] or weight.T.flags["C_CONTIGUOUS"]
        lying = image.transpose(0, 2, 3, 1).reshape(2, -1)
        np.testing.assert_allclose(lying @ weight, image.reshape(2, -1) @ b, rtol=1e-4, atol=1e-4)
        assert given["fc"]["B"] is not moved["fc"]["B"], "the caller's weights stay as they were"


def test_an_image_that_somebody_else_reads_or_of_unknown_channels_is_transposed() -> None:
    given: Any = {"conv": {"W": np.zeros((3, 1, 1, 1), np.float32)}, "fc": {"B": np.zeros((60, 7), np.float32)}}
    nodes = chain(0)
    others = [
        (nodes, ["fc", "flat"]),
        ([*nodes, Node({"name": "r", "op": "Relu", "inputs": ["flat"]})], ["fc", "r"]),
        (nodes[2:], ["fc"]),
    ]
    for network, outputs in others:
        made, moved = folded.flatten_last(network, given, outputs)
        assert not any(node.attrs.get("channels_last", 0) for node in made)
        assert moved["fc"]["B"] is given["fc"]["B"]


def test_a_relu_writes_over_what_nobody_else_reads() -> None:
    def relu(name: str, read: str) -> Node:
        return Node({"name": name, "op": "Relu", "inputs": [read]})

    nodes = [*chain(0)[:2], relu("of_input", "x"), relu("again", "relu")]
    assert folded.overwriting(nodes, ["again"]) == {"relu"}
    assert folded.overwriting(nodes, ["again", "conv"]) == set(), "an output stays as it was"
    assert folded.overwriting([*nodes, relu("other", "conv")], ["again"]) == set(), "so does what two read"


def chain(turned: int) -> list[Node]:
    """A convolution to three channels, a ReLU, and what flattens and reads it."""
    return [
        Node({"name": "conv", "op": "Conv", "inputs": ["x"], "weights": {"W": (3, 1, 1, 1)}}),
        Node({"name": "relu", "op": "Relu", "inputs": ["conv"]}),
        Node({"name": "flat", "op": "Flatten", "inputs": ["relu"]}),
        Node({"name": "fc", "op": "Gemm", "inputs": ["flat"], "attrs": {"transB": turned}}),
    ]
