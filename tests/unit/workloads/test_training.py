"""Does the reference train as the formulas say, and can a network learn from the examples?"""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.nouns.workload import Network
from tests.network_files import SLOW
from tests.unit.workloads.networks import NETWORKS, SEED, Dict, read_network, tiny_network
from workloads import examples, gradient, training, verify, weights
from workloads.backends.base import Optimizer
from workloads.backends.reference import Backend
from workloads.expected import GRADIENT, expected, expected_training

LEARNING = [name for name in NETWORKS if read_network(name).get("training", {}).get("learns")]


def trainable(**fields: object) -> Dict:
    return {**tiny_network(), "training": {**SLOW, **fields}}


def gradients(trainer: training.Trainer, batch: int) -> Dict:
    """Of the weights as they are now, with the examples of the first step."""
    made = examples.make_batch(trainable(), batch, SEED, 0)
    return dict(gradient.sweep(trainer.nodes, trainer.weights, *made, trainer.loss)[1])


@pytest.mark.parametrize(("optimizer", "slots"), [("sgd", 1), ("adam", 2)])
def test_two_updates_are_those_of_the_formula(optimizer: str, slots: int) -> None:
    trainer = training.make_trainer(trainable(optimizer=optimizer), SEED)
    batch = examples.make_batch(trainable(), 4, SEED, 0)
    start, first = trainer.named()["logits.B"], gradients(trainer, 4)["logits.B"]
    trainer.step(*batch)
    middle, second = trainer.named()["logits.B"], gradients(trainer, 4)["logits.B"]
    trainer.step(*batch)
    end = trainer.named()["logits.B"]
    if slots == 1:
        assert np.allclose(start - middle, 0.001 * first, rtol=1e-12)
        assert np.allclose(middle - end, 0.001 * (0.9 * first + second), rtol=1e-9)
    else:  # arXiv 1412.6980, algorithm 1
        assert np.allclose(start - middle, 0.001 * first / (np.abs(first) + 1e-8), rtol=1e-9)
        m, v = 0.9 * 0.1 * first + 0.1 * second, 0.999 * 0.001 * first**2 + 0.001 * second**2
        wanted = 0.001 * (m / (1 - 0.9**2)) / (np.sqrt(v / (1 - 0.999**2)) + 1e-8)
        assert np.allclose(middle - end, wanted, rtol=1e-9)


def trained_with(network: Dict, batch: int, **changed: float) -> Dict:
    """Updates after the compared steps by Adam in its other form."""
    trainer = training.make_trainer(network, SEED, Backend, training.CorrectedRate)
    vars(trainer.optimizer).update(changed)
    for step in range(training.first_steps(network)):
        trainer.step(*examples.make_batch(network, batch, SEED, step * batch))
    return dict(training.updates(network, SEED, trainer.named()))


def test_epsilon_of_adam_may_stand_in_either_place_and_another_beta_is_wrong() -> None:
    network = trainable(optimizer="adam", epsilon=1e-4)
    wanted = {name: entry for name, entry in expected(network, 4, SEED, "train").items() if name != "loss"}
    assert max(entry["tolerance"] for entry in wanted.values()) > GRADIENT
    found = verify.errors(verify.sampled(trained_with(network, 4), wanted), wanted)
    verify.check_errors(found, wanted)
    assert any(found[name] > GRADIENT for name in found)
    other = verify.errors(verify.sampled(trained_with(network, 4, beta1=0.5), wanted), wanted)
    with pytest.raises(verify.Wrong):
        verify.check_errors(other, wanted)


def test_running_statistics_follow_those_of_the_batch_by_onnx_momentum() -> None:
    trainer = training.make_trainer(trainable(), SEED)
    before = {name: array.copy() for name, array in trainer.named().items()}
    inputs, labels = examples.make_batch(trainable(), 4, SEED, 0)
    conv = trainer.nodes[0]
    x = Backend(1, "default", "absent").Conv(conv, trainer.weights["c1"])(inputs["image"])
    trainer.step(inputs, labels)
    now = trainer.named()
    assert np.allclose(now["n1.mean"], 0.9 * before["n1.mean"] + 0.1 * x.mean((0, 2, 3)), rtol=1e-5)
    assert np.allclose(now["n1.var"], 0.9 * before["n1.var"] + 0.1 * x.var((0, 2, 3)), rtol=1e-5)
    count = x.size // x.shape[1]
    wanted = 0.9 * before["n1.var"] + 0.1 * x.var((0, 2, 3)) * count / (count - 1)
    assert np.allclose(trainer.unbiased["n1.var"], wanted, rtol=1e-5)


def test_a_running_variance_may_be_that_of_a_sample() -> None:
    wanted = expected(trainable(), 2, SEED, "train")
    trainer = training.make_trainer(trainable(), SEED)
    for step in range(training.first_steps(trainable())):
        trainer.step(*examples.make_batch(trainable(), 2, SEED, step * 2))
    found = training.updates(trainable(), SEED, trainer.unbiased)
    known = {name: wanted[name] for name in found}
    verify.check_errors(verify.errors(verify.sampled(found, known), known), known)
    twice = {name: 2 * array for name, array in found.items()}
    with pytest.raises(verify.Wrong):
        verify.check_errors(verify.errors(verify.sampled(twice, known), known), known)


def test_an_example_depends_on_its_number_alone_and_shows_its_class() -> None:
    network = read_network("lenet")
    whole, labels = examples.make_batch(network, 64, SEED, 100)
    part, some = examples.make_batch(network, 2, SEED, 117)
    assert np.array_equal(whole["image"][17:19], part["image"])
    assert labels[17:19].tolist() == some.tolist()
    assert whole["image"].mean() == pytest.approx(0, abs=0.05)
    assert whole["image"].std() == pytest.approx(1, abs=0.05)
    flat = whole["image"].reshape(64, -1)
    alike = np.corrcoef(flat)
    same = labels[:, None] == labels[None, :]
    apart = ~np.eye(64, dtype=bool)
    assert alike[same & apart].mean() > alike[~same].mean() + 0.15


@pytest.mark.parametrize("name", LEARNING)
def test_a_network_that_declares_to_learn_does_not_know_before(name: str) -> None:
    network = Network.model_validate(read_network(name))
    assert network.training is not None
    assert network.training.learns is not None
    untrained = training.make_trainer(read_network(name), SEED, Backend).named()
    chance = 1 / weights.classes(read_network(name))
    assert training.accuracy(read_network(name), SEED, untrained) < chance + 0.2 < network.training.learns.accuracy


@pytest.mark.parametrize("name", ["mnist_softmax", "mnist_mlp", "lenet"])
def test_the_reference_reaches_the_declared_accuracy(name: str) -> None:
    network = read_network(name)
    reached = expected_training(network, 64, SEED, Backend)["accuracy"]["values"][0]
    assert reached >= network["training"]["learns"]["accuracy"]


@pytest.mark.parametrize("name", ["lenet", "tiny"])
def test_float32_takes_the_same_first_steps(name: str) -> None:
    network = trainable() if name == "tiny" else read_network(name)
    wanted, found = (expected(network, 8, SEED, "train", dtype) for dtype in ("float64", "float32"))
    assert len(wanted["loss"]["values"]) == training.first_steps(network) == (2 if name == "tiny" else 4)
    for weight, entry in wanted.items():
        if weight == "accuracy":
            continue
        errors = np.abs(np.array(entry["values"]) - found[weight]["values"]) / entry["spread"]
        assert errors.max() < 2e-3, weight


def test_updates_are_counted_from_the_seeded_start() -> None:
    network = tiny_network()
    start = {
        f"{node}.{key}": array
        for node, made in weights.make_weights(network, SEED).items()
        for key, array in made.items()
    }
    moved = training.updates(network, SEED, {name: array + 1 for name, array in start.items() if name != "c1.W"})
    assert "c1.W" not in moved
    assert all(np.allclose(array, 1) for array in moved.values())


def test_as_many_steps_as_examples_ask_for() -> None:
    network = {"training": {**SLOW, "learns": {"examples": 1280, "accuracy": 0.9}}}
    assert training.learning_steps(network, 64) == 20
    assert training.learning_steps(network, 100) == 13
    assert training.learning_steps(network, 4096) == training.FIRST
    assert training.learning_steps({"training": SLOW}, 64) == 0
    assert Optimizer(SLOW).momentum == 0.9


def test_a_sentence_shows_its_class_by_its_words_and_its_length_by_nothing() -> None:
    network = read_network("imdb_lstm")
    inputs, labels = examples.make_batch(network, 40, SEED, 7)
    again, _ = examples.make_batch(network, 1, SEED, 17)
    assert np.array_equal(inputs["tokens"][10], again["tokens"][0])
    assert inputs["tokens"].dtype == inputs["lengths"].dtype == np.int64
    assert 12 <= inputs["lengths"].min() < inputs["lengths"].max() < 100
    assert 0 <= inputs["tokens"].min() < inputs["tokens"].max() < 10_000
    often = [set(np.argsort(np.bincount(inputs["tokens"][labels == kind].ravel()))[-4:]) for kind in (0, 1)]
    assert not often[0] & often[1]
    for kind in (0, 1):
        share = np.isin(inputs["tokens"][labels == kind], list(often[kind])).mean()
        assert share == pytest.approx(0.5, abs=0.05)
