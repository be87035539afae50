"""Are the seeded weights the same numbers everywhere, and do they keep the signal alive?"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.unit.workloads.networks import NETWORKS, SEED, read_network
from workloads import weights
from workloads.backends.base import Node

GOLDEN = "d9beee677b64dea555eae4cbaf6f4e0f2e75302648f2414099cb284c2f7a9703"
"""SHA-256 of mobilenet_v1's weights and of two images, as numpy 1.13.3, 1.19.5 (Python 3.6) and 2.4 made them."""


def digest(seed: int) -> str:
    network = read_network("mobilenet_v1")
    made = weights.make_weights(network, seed)
    whole = hashlib.sha256()
    for node in sorted(made):
        for key in sorted(made[node]):
            whole.update(made[node][key])
    whole.update(weights.make_inputs(network, 2, seed)["image"])
    return whole.hexdigest()


def test_the_bits_are_those_of_every_other_numpy() -> None:
    assert digest(SEED) == GOLDEN


def test_another_seed_or_name_gives_other_numbers() -> None:
    first = weights.fill(np.empty(1000, np.float32), 1, "a")
    for seed, name in ((2, "a"), (1, "b")):
        other = weights.fill(np.empty(1000, np.float32), seed, name)
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.15


@pytest.mark.parametrize("chunk", [1, 7, 1000, 4096, 1 << 20])
def test_the_size_of_a_pass_does_not_change_the_numbers(chunk: int) -> None:
    whole = weights.fill(np.empty(5000, np.float32), SEED, "x", center=2.0, halfwidth=0.5)
    parts = weights.fill(np.empty(5000, np.float32), SEED, "x", center=2.0, halfwidth=0.5, chunk=chunk)
    assert whole.tobytes() == parts.tobytes()


def test_a_longer_tensor_begins_as_a_shorter_one() -> None:
    short = weights.fill(np.empty(100, np.float32), SEED, "x")
    assert weights.fill(np.empty(200_000, np.float32), SEED, "x")[:100].tobytes() == short.tobytes()


def test_the_numbers_are_uniform_and_neighbours_are_independent() -> None:
    x = weights.fill(np.empty(1 << 20, np.float32), SEED, "x").astype(np.float64)
    assert abs(x.mean()) < 0.003
    assert abs(x.var() - 1 / 3) < 0.002
    counts = np.histogram(x, bins=64, range=(-1, 1))[0]
    assert ((counts - 2**14) ** 2 / 2**14).sum() < 120  # chi-square with 63 degrees of freedom: 0.00002 beyond 120
    for lag in (1, 2, 224, 65536):
        assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 0.005


def test_batch_norm_statistics_and_biases_are_not_the_identity() -> None:
    made = weights.make_weights(read_network("mobilenet_v1"), SEED)
    norm = made["dw7_bn"]
    assert norm["var"].min() > 0.5
    assert norm["var"].std() > 0.3
    assert abs(norm["scale"] - 1).mean() > 0.1
    assert norm["mean"].std() > 0.1
    assert norm["B"].std() > 0.1


@pytest.mark.parametrize("name", NETWORKS)
def test_the_published_parameter_count_is_that_of_the_layers(name: str) -> None:
    network = read_network(name)
    if name in {"vgg16", "bert_base"}:  # by shape: making more than a hundred million numbers would take a second
        shapes = [s for node in network["nodes"] for k, s in node.get("weights", {}).items() if k in weights.LEARNT]
        published = {"vgg16": 138_357_544, "bert_base": 109_482_240}[name]
        assert sum(int(np.prod(shape)) for shape in shapes) == network["parameters"] == published
    else:
        assert weights.parameters(weights.make_weights(network, SEED)) == network["parameters"]


def test_every_tensor_begins_at_a_cache_line_and_is_contiguous() -> None:
    for node in weights.make_weights(read_network("mobilenet_v1"), SEED).values():
        for array in node.values():
            assert array.ctypes.data % 64 == 0
            assert array.flags.c_contiguous


def test_inputs_are_standardised_and_have_the_batch_in_front() -> None:
    image = weights.make_inputs(read_network("vgg16"), 2, SEED)["image"]
    assert image.shape == (2, 3, 224, 224)
    assert abs(image.mean()) < 0.01
    assert abs(image.std() - 1) < 0.01
    assert weights.make_inputs(read_network("gemm"), 1, SEED)["a"].shape == (2048, 2048)


def test_integer_inputs_are_every_number_of_their_range_and_rows_have_unit_variance() -> None:
    network = {"inputs": {"tokens": [1, 500]}, "integers": {"tokens": [3, 13]}}
    tokens = weights.make_inputs(network, 4, SEED)["tokens"]
    assert tokens.dtype == np.int64
    assert tokens.shape == (4, 500)
    assert tokens.ctypes.data % 64 == 0
    assert set(tokens.ravel().tolist()) == set(range(3, 13))
    assert np.bincount(tokens.ravel())[3:].min() > 150
    table = weights.make_node(Node({"name": "e", "op": "Gather", "inputs": ["t"], "weights": {"data": [90, 64]}}), SEED)
    assert abs(table["data"].std() - 1) < 0.02
    assert weights.parameters({"e": table}) == 90 * 64
