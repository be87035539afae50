"""Are the weights of an LSTM or GRU taken apart, arranged and put together again as ONNX lays them out?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.network_files import NETWORKS
from workloads import weights
from workloads.backends.base import Node, Unsupported
from workloads.backends.numpy_sequence import Steps
from workloads.recurrent import ORDER, Recurrent, steps_first


def node(op: str, biases: int = 2, inputs: tuple[str, ...] = ("x",), **attrs: Any) -> Node:
    width = len(ORDER[op]) * 3
    shapes = {"W": [1, width, 2], "R": [1, width, 3], "B": [1, biases * width]}
    attrs = {"hidden_size": 3, "layout": 1, **attrs}
    return Node({"name": "y", "op": op, "inputs": list(inputs), "weights": shapes, "attrs": attrs})


def test_gates_are_arranged_as_a_framework_has_them_and_back() -> None:
    made = node("LSTM")
    spec = Recurrent(made, weights.make_node(made, 1))
    turned = spec.arranged(spec.w, "ifco")
    assert [turned[3 * row].tolist() for row in range(4)] == [spec.w[3 * row].tolist() for row in (0, 2, 3, 1)]
    for array in (spec.w, spec.r, spec.wb):
        assert np.array_equal(spec.restored(spec.arranged(array, "fico"), "fico"), array)


@pytest.mark.parametrize(("op", "biases"), [("LSTM", 1), ("LSTM", 2), ("GRU", 1), ("GRU", 2)])
def test_what_was_taken_apart_is_put_together_in_the_layout_of_the_weights(op: str, biases: int) -> None:
    made = node(op, biases)
    own = weights.make_node(made, 1)
    spec = Recurrent(made, own)
    order = "".join(reversed(ORDER[op]))
    parts = [spec.arranged(array, order) for array in (spec.w, spec.r, spec.wb, spec.rb) if array is not None]
    found = spec.learnt(order, *parts)
    assert {key: found[key].tolist() for key in found} == {key: own[key].tolist() for key in own}


def test_one_bias_is_that_of_w_and_the_other_is_zero() -> None:
    made = node("GRU", biases=1)
    own = weights.make_node(made, 1)
    outer, inner = Recurrent(made, own).biases()
    assert np.array_equal(outer, own["B"][0])
    assert not inner.any()


def test_which_inputs_are_given_is_known_from_their_names() -> None:
    made = node("LSTM", inputs=("x", "", "h", "c"))
    assert Recurrent(made, weights.make_node(made, 1)).given == [False, True, True]


@pytest.mark.parametrize(
    "attrs",
    [{"direction": "reverse"}, {"direction": "bidirectional"}, {"layout": 0}, {"clip": 1.0}, {"activations": ["Relu"]}],
)
def test_what_no_network_here_needs_is_unsupported_with_its_name(attrs: dict[str, Any]) -> None:
    made = node("LSTM", **attrs)
    with pytest.raises(Unsupported, match="y: LSTM with"):
        Recurrent(made, weights.make_node(made, 1))


def test_a_step_is_taken_by_the_samples_that_still_have_one() -> None:
    x = np.arange(3 * 4, dtype=np.float32).reshape(3, 4, 1)
    steps = Steps(x, np.array([2, 4, 1]))
    assert steps.order.tolist() == [1, 0, 2]
    assert steps.counts == [3, 2, 1, 1]
    packed = steps.packed(x, np.zeros((7, 1), np.float32))
    assert packed.ravel().tolist() == [4, 0, 8, 5, 1, 6, 7]


def nodes_of(name: str) -> list[Node]:
    return [Node(each) for each in NETWORKS[name]()["nodes"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imdb_lstm", {"embedding", "lstm"}),
        ("imdb_lstm_padded", {"embedding", "lstm"}),
        ("imdb_gru", {"embedding"}),  # its last state has no steps
        ("lstm_512", set()),
        ("bert_base", set()),  # rows that no recurrent layer reads
    ],
)
def test_tensors_have_their_steps_in_front_between_the_tokens_and_what_sums_them(name: str, expected: set[str]) -> None:
    assert steps_first(nodes_of(name), NETWORKS[name]()["outputs"]) == expected


def test_a_tensor_that_somebody_else_reads_keeps_its_samples_in_front() -> None:
    made = nodes_of("imdb_lstm_padded")
    assert steps_first(made, ["lstm"]) == {"embedding"}
    other = Node({"name": "y", "op": "Tanh", "inputs": ["embedding"]})
    assert steps_first([*made, other], []) == {"lstm"}
    kept = Node({"name": "y", "op": "ReduceSum", "inputs": ["lstm"], "attrs": {"axes": [1], "keepdims": 1}})
    assert steps_first([*made, kept], []) == {"embedding"}
