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
