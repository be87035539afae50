"""Can the equality gate fail on recurrent networks? What frameworks differ in, one by one, must be called wrong."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.workloads.networks import SEED, Dict, compute, read_network
from workloads import verify
from workloads.backends import numpy_sequence
from workloads.expected import expected
from workloads.recurrent import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAST = {
    "imdb_gru": 20,
    "imdb_gru_reset_before": 17,
    "imdb_lstm": 23,
    "imdb_lstm_padded": 21,
    "lstm_256": 24,
    "lstm_512": 24,
    "lstm_cell": 26,
}
"""Network -> the least number of ways to change it."""


def worst_error(network: Dict, wanted: Dict, change: Callable[[Dict], None] | None = None) -> float:
    """Largest error of the outputs, in tolerances."""
    found = verify.errors(verify.sampled(compute(network, change=change), wanted), wanted)
    return max(float(found[name] / wanted[name]["tolerance"]) for name in wanted)


def recurrent(network: Dict) -> Dict:
    node: Dict = next(node for node in network["nodes"] if node["op"] in ORDER)
    return node


def of_weights(network: Dict) -> Iterator[tuple[str, Callable[[Dict], None]]]:
    """(what was done, function that does it to the weights)."""
    node = recurrent(network)
    name, order, hidden = node["name"], ORDER[node["op"]], node["attrs"]["hidden_size"]

    def parts(weights: Dict) -> list[Any]:
        """W, R and the halves of B as views with the gates in front."""
        own = weights[name]
        products = [own[key].reshape(len(order), hidden, -1) for key in ("W", "R")]
        return [*products, *own["B"].reshape(-1, len(order), hidden)]

    def swapped(one: int, two: int) -> Callable[[Dict], None]:
        def change(weights: Dict) -> None:
            for part in parts(weights):
                part[[one, two]] = part[[two, one]]

        return change

    def scaled(which: int, gate: int, factor: float) -> Callable[[Dict], None]:
        return lambda weights: np.multiply(parts(weights)[which][gate], factor, out=parts(weights)[which][gate])

    def negated(weights: Dict) -> None:
        for part in parts(weights):
            part[0] *= -1

    def turned(weights: Dict) -> None:
        part = parts(weights)[1]
        part[:] = part.transpose(0, 2, 1).copy()

    for one in range(len(order)):
        for two in range(one + 1, len(order)):
            yield f"gates {order[one]} and {order[two]} change places", swapped(one, two)
    halves = node["weights"]["B"][1] // (len(order) * hidden)
    for which, key in enumerate(("W", "R", "the bias of W", "the bias of R")[: 2 + halves]):
        for gate, letter in enumerate(order):
            yield f"{key} of gate {letter} is 0", scaled(which, gate, 0.0)
    yield "R is transposed", turned
    if node["op"] == "GRU":
        yield "1 - z in the place of z", negated
    if "embedding" in {each["name"] for each in network["nodes"]}:
        yield (
            "words count from 1",
            lambda weights: weights["embedding"].update(data=np.roll(weights["embedding"]["data"], 1, axis=0)),
        )


def of_structure(network: Dict) -> Iterator[tuple[str, Dict]]:
    """(what was done, network)."""

    def changed(change: Callable[[Dict, Dict], None]) -> Dict:
        mutant = copy.deepcopy(network)
        change(mutant, recurrent(mutant))
        return mutant

    node = recurrent(network)
    if node["op"] == "GRU":
        other = 1 - node["attrs"]["linear_before_reset"]
        yield "the other form of reset", changed(lambda _, own: own["attrs"].update(linear_before_reset=other))
    if node["inputs"][1:2] == ["lengths"]:
        yield "the LSTM goes on behind the lengths", changed(lambda _, own: own["inputs"].pop())
        yield "the mean is of all steps", changed(averaged)
    if "h" in node["inputs"]:
        yield "no state given", changed(lambda _, own: own.update(inputs=["x"]))
        yield "no cell given", changed(lambda _, own: own["inputs"].pop())


def averaged(mutant: Dict, _: Dict) -> None:
    divided = next(node for node in mutant["nodes"] if node["op"] == "Div")
    mutant["nodes"] = [node for node in mutant["nodes"] if node["name"] not in {"sum", "count", "divisor"}]
    divided.update(op="ReduceMean", inputs=["lstm"], attrs={"axes": [1], "keepdims": 0})


def hard_sigmoid(x: Any) -> Any:
    """Keras 2's default for the gates."""
    return np.clip(x * np.float32(0.2) + np.float32(0.5), 0, 1, out=x)


@pytest.mark.parametrize("name", LEAST)
def test_what_recurrent_layers_differ_in_is_called_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = read_network(name)
    wanted = expected(network, 1, SEED)
    assert worst_error(network, wanted) < 0.1, "float32 itself must pass with a margin of ten"
    caught = {what: worst_error(network, wanted, change) for what, change in of_weights(network)}
    caught.update((what, worst_error(mutant, wanted)) for what, mutant in of_structure(network))
    with monkeypatch.context() as patch:
        patch.setattr(numpy_sequence, "sigmoid", hard_sigmoid)
        caught["hard sigmoid"] = worst_error(network, wanted)
    assert len(caught) >= LEAST[name]
    missed = {what: error for what, error in caught.items() if error < 10}
    assert not missed, "beyond the tolerance by less than ten times"
