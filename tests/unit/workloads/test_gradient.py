"""Are the gradients of the oracle those of its own loss? The engine tests hold frameworks against them."""

from __future__ import annotations

import importlib

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
    pieces_network,
    read_network,
    recurrent_network,
    tiny_bert,
    tiny_gpt,
    tiny_network,
)
from workloads import gradient, modes, verify, weights
from workloads.backends.base import Node, Unsupported
from workloads.expected import expected_gradient

STEP = 1e-6


NETWORKS = {
    "tiny": tiny_network(),
    "branching": branching_network(),
    "gathering": gathering_network(),
    "lrn": lrn_network(),
    "bert": tiny_bert(),
    "pieces": pieces_network(),
    "lenet": read_network("lenet"),
    "autoencoder": read_network("autoencoder_400_200_100_layer3"),
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
    named = [(node["name"], key) for node in network["nodes"] for key in node.get("weights", {})]
    learnt = {f"{node}.{key}" for node, key in named if key in weights.LEARNT}
    assert set(found) == learnt
    for weight, array in found.items():
        node, key = weight.split(".")
        index = int(np.abs(array).argmax())
        ends = [loss_of(network, (node, key, index), by, monkeypatch) for by in (STEP, -STEP)]
        slope = (ends[0] - ends[1]) / (2 * STEP)
        assert slope == pytest.approx(array.flat[index], rel=1e-4, abs=1e-9), weight


def test_a_gradient_that_cancels_is_held_against_that_of_its_operator_and_a_table_where_it_was_read() -> None:
    wanted = expected_gradient(NETWORKS["bert"], 3, SEED)
    assert max(map(abs, wanted["layer1_k.C"]["values"])) < 1e-12
    largest = max(entry["spread"] for name, entry in wanted.items() if name != "loss")
    assert wanted["layer1_k.C"]["spread"] == pytest.approx(1e-3 * largest)
    assert wanted["layer1_q.C"]["spread"] > 5e-2 * wanted["layer1_q.B"]["spread"]
    assert all(wanted["words.data"]["values"])


def test_what_is_no_row_of_classes_has_no_loss() -> None:
    network = tiny_gpt(past=0)
    with pytest.raises(Unsupported, match="hidden is no row of classes per sample"):
        gradient.differentiate(network, 1, SEED)


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


@pytest.mark.parametrize("name", ["lenet", "recurrent"])
def test_float32_passes_with_room(name: str) -> None:
    reference = importlib.import_module("workloads.backends.reference").Backend
    wanted = expected_gradient(NETWORKS[name], 4, SEED)
    found = expected_gradient(NETWORKS[name], 4, SEED, reference)
    errors = verify.errors({name: np.array(entry["values"]) for name, entry in found.items()}, wanted)
    assert max(errors.values()) < 1e-3


def test_a_gradient_that_is_rounding_alone_is_measured_with_the_largest() -> None:
    wanted = expected_gradient(tiny_network(), 4, SEED)
    largest = max(entry["spread"] for entry in wanted.values())
    assert wanted["c1.B"]["spread"] == pytest.approx(1e-3 * max(wanted[n]["spread"] for n in wanted if n != "loss"))
    assert max(map(abs, wanted["c1.B"]["values"])) < 1e-12 < largest  # the batch norm behind it takes it out again


def test_what_has_no_rule_is_unsupported_with_its_name() -> None:
    network = tiny_network()
    network["nodes"][2]["op"] = "Erf"
    with pytest.raises(Unsupported, match=r"no rule for Erf \(r1\)"):
        modes.differentiable(network, "gradient")


def test_only_what_the_logits_depend_on_is_differentiated() -> None:
    nodes = [Node(data) for data in tiny_network()["nodes"]]
    assert [node.name for node in gradient.needed(nodes, "logits")][-1] == "logits"
    assert "prob" not in {node.name for node in gradient.needed(nodes, "logits")}
