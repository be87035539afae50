"""Are the gradients of the oracle those of its own loss? The engine tests hold frameworks against them."""

from __future__ import annotations

import importlib
import json
from typing import Any

import numpy as np
import pytest

from orchestrator.nouns.job import Expected
from tests.unit.workloads.networks import (
    SEED,
    Dict,
    branching_network,
    cell_network,
    gathering_network,
    lrn_network,
    read_network,
    recurrent_network,
    tiny_network,
)
from workloads import gradient, harness, verify, weights
from workloads.backends.base import Node, Unsupported
from workloads.backends.reference import Oracle
from workloads.expected import expected_gradient

STEP = 1e-6


def without_norm(network: Dict) -> Dict:
    """The network with every batch norm taken out: its gradient has no rule."""
    network = json.loads(json.dumps(network))
    gone = {node["name"]: node["inputs"][0] for node in network["nodes"] if node["op"] == "BatchNormalization"}
    network["nodes"] = [node for node in network["nodes"] if node["name"] not in gone]
    for node in network["nodes"]:
        node["inputs"] = [gone.get(name, name) for name in node["inputs"]]
    return network


NETWORKS = {
    "tiny": without_norm(tiny_network()),
    "branching": without_norm(branching_network()),
    "gathering": gathering_network(),
    "lrn": lrn_network(),
    "lenet": read_network("lenet"),
    "recurrent": recurrent_network(),
    "recurrent-padded": recurrent_network(lengths=False),
    "cell": cell_network(),
}


def loss_of(network: Dict, changed: tuple[str, str, int], by: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """The oracle's loss with one number of one weight moved."""
    node, key, index = changed
    made = weights.make_weights(network, SEED)
    moved = {name: {k: a.astype(np.float64) for k, a in arrays.items()} for name, arrays in made.items()}
    moved[node][key].flat[index] += by
    with monkeypatch.context() as patch:
        patch.setattr(weights, "make_weights", lambda *_: moved)
        return float(gradient.differentiate(network, 3, SEED)[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_gradient_is_the_slope_of_the_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = NETWORKS[name]
    _, found = gradient.differentiate(network, 3, SEED)
    learnt = {f"{node['name']}.{key}" for node in network["nodes"] for key in node.get("weights", {})}
    assert set(found) == learnt
    for weight, array in found.items():
        node, key = weight.split(".")
        index = int(np.abs(array).argmax())
        ends = [loss_of(network, (node, key, index), by, monkeypatch) for by in (STEP, -STEP)]
        slope = (ends[0] - ends[1]) / (2 * STEP)
        assert slope == pytest.approx(array.flat[index], rel=1e-4, abs=1e-9), weight


def test_labels_are_seeded_classes_and_all_of_them_come() -> None:
    labels = weights.make_labels(10, 1000, SEED)
    assert labels.dtype == np.int64
    assert set(labels.tolist()) == set(range(10))
    assert labels.tolist() == weights.make_labels(10, 1000, SEED).tolist()
    assert labels.tolist() != weights.make_labels(10, 1000, SEED + 1).tolist()
    assert np.bincount(labels).min() > 60


def test_the_expected_gradients_are_nouns_with_the_loss_first() -> None:
    wanted = expected_gradient(NETWORKS["lenet"], 4, SEED)
    assert next(iter(wanted)) == "loss"
    assert all(Expected.model_validate(entry).spread > 0 for entry in wanted.values())
    assert len(wanted["fc3.B"]["positions"]) == 32


def test_float32_passes_with_room() -> None:
    reference = importlib.import_module("workloads.backends.reference").Backend
    wanted = expected_gradient(NETWORKS["lenet"], 4, SEED)
    found = expected_gradient(NETWORKS["lenet"], 4, SEED, reference)
    errors = verify.errors({name: np.array(entry["values"]) for name, entry in found.items()}, wanted)
    assert max(errors.values()) < 1e-3


def job(network: Dict, backend: str) -> Dict:
    return {"network": network, "backend": backend, "mode": "gradient", "batch": 4, "seed": SEED}


def test_what_has_no_rule_or_no_gradient_is_unsupported_with_its_name() -> None:
    network = tiny_network()
    made: Any = importlib.import_module("workloads.backends.numpy_blas").Backend(1, "default", "absent")
    nodes = [Node(data) for data in network["nodes"]]
    with pytest.raises(Unsupported, match="numpy computes no gradients"):
        harness.build(job(network, "numpy_blas"), made, nodes, {})
    made.differentiates = True
    with pytest.raises(Unsupported, match=r"no rule for BatchNormalization \(n1\)"):
        harness.build(job(network, "numpy_blas"), made, nodes, {})
    with pytest.raises(Unsupported, match="no rule yet"):
        gradient.differentiate(network, 1, SEED, Oracle)


def test_only_what_the_logits_depend_on_is_differentiated() -> None:
    nodes = [Node(data) for data in tiny_network()["nodes"]]
    assert [node.name for node in gradient.needed(nodes, "logits")][-1] == "logits"
    assert "prob" not in {node.name for node in gradient.needed(nodes, "logits")}
