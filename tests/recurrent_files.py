"""Which recurrent networks are written by a script? tests/network_files.py has the others, and writes these too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Dict = dict[str, Any]
GATES = {"LSTM": 4, "GRU": 3}

MOVED = 2.0
"""Gain of an LSTM whose states are averaged: the mean of a hundred small ones would be lost beside the logits' bias."""


def embedding(x: str, words: int, size: int) -> Dict:
    return {"name": "embedding", "op": "Gather", "inputs": [x], "weights": {"data": [words, size]}}


def recurrent(op: str, inputs: Sequence[str], size: int, hidden: int, *, biases: int, **attrs: Any) -> Dict:
    """`biases`: 2, of W and of R, or 1, of W alone."""
    width = GATES[op] * hidden
    weights = {"W": [1, width, size], "R": [1, width, hidden], "B": [1, biases * width]}
    attrs = {"hidden_size": hidden, "layout": 1, **attrs}
    return {"name": op.lower(), "op": op, "inputs": list(inputs), "weights": weights, "attrs": attrs}


def moved(node: Dict) -> Dict:
    return {**node, "gain": MOVED}


def classified(x: str, size: int, classes: int) -> list[Dict]:
    weights = {"B": [classes, size], "C": [classes]}
    return [
        {"name": "logits", "op": "Gemm", "inputs": [x], "weights": weights, "attrs": {"transB": 1}},
        {"name": "prob", "op": "Softmax", "inputs": ["logits"], "attrs": {"axis": 1}},
    ]


ADAM: Dict = {"optimizer": "adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
"""As published for IMDB, and every framework's default but for the epsilon (1e-7 in Keras, 1e-8 in the paper)."""


def network(title: str, source: str, inputs: Dict, integers: Mapping[str, Sequence[int]], nodes: list[Dict]) -> Dict:
    """Its parameters are those of the nodes; a test adds them up from the publication."""
    outputs = ["logits", "prob"] if nodes[-1]["name"] == "prob" else [nodes[-1]["name"]]
    count = sum(_product(shape) for node in nodes for shape in node.get("weights", {}).values())
    ends = {"inputs": inputs, "integers": dict(integers), "outputs": outputs, "compared": outputs[0], "batched": True}
    training = {"training": {**ADAM, "learns": {"examples": 1280, "accuracy": 0.9}}} if "tokens" in inputs else {}
    return {"title": title, "source": source, **ends, "parameters": count, **training, "nodes": nodes}


def _product(shape: Sequence[int]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


LSTM = (
    "The LSTM of Theano's tutorial (deeplearning.net/tutorial/lstm.html), as Bahrampour et al., arXiv 1511.06435, "
    "compare it at batches of 16: 10,000 words, embedding and state of 128, one bias per gate, no peepholes, {0}, a "
    "softmax of two classes. Dropout is the identity at inference."
)


def imdb_lstm(*, padded: bool) -> Dict:
    """`padded`: through all 100 steps of every sample, and their plain mean."""
    inputs, integers = {"tokens": [1, 100]}, {"tokens": [0, 10_000]}
    first = [embedding("tokens", 10_000, 128)]
    if padded:
        pooled: list[Dict] = [
            moved(recurrent("LSTM", ["embedding"], 128, 128, biases=1, output="Y")),
            {"name": "mean", "op": "ReduceMean", "inputs": ["lstm"], "attrs": {"axes": [1], "keepdims": 0}},
        ]
        how = "the mean of the states of all 100 steps, padding included, as scripts without a mask have it"
    else:
        inputs, integers = {**inputs, "lengths": [1]}, {**integers, "lengths": [12, 100]}
        pooled = [
            moved(recurrent("LSTM", ["embedding", "lengths"], 128, 128, biases=1, output="Y")),
            {"name": "sum", "op": "ReduceSum", "inputs": ["lstm"], "attrs": {"axes": [1], "keepdims": 0}},
            {"name": "count", "op": "Cast", "inputs": ["lengths"], "attrs": {"to": 1}},
            {"name": "divisor", "op": "Unsqueeze", "inputs": ["count"], "attrs": {"axes": [1]}},
            {"name": "mean", "op": "Div", "inputs": ["sum", "divisor"]},
        ]
        how = "12 to 99 words of at most 100, the mean of the states of those steps"
    title = f"IMDB, LSTM of 128, {'padded to 100' if padded else 'sentences of 12 to 99 words'}"
    return network(title, LSTM.format(how), inputs, integers, [*first, *pooled, *classified("mean", 128, 2)])


def imdb_gru(*, after: bool) -> Dict:
    nodes = [
        embedding("tokens", 30_000, 125),
        recurrent("GRU", ["embedding"], 125, 100, biases=1 + after, output="Y_h", linear_before_reset=int(after)),
        *classified("gru", 100, 2),
    ]
    form = (
        "the reset gate behind the product with the state, and two biases per gate, as in cuDNN and PyTorch (68,100)"
        if after
        else "the reset gate on the state, before the product, and one bias per gate, as in the first paper (arXiv "
        "1406.1078) and Keras 2 (67,800)"
    )
    source = (
        "ilkarman/DeepLearningFrameworks, 2018, GRU on IMDB: 30,000 words, embedding of 125, 100 units, 150 steps, the "
        f"last state, two classes, no masks; {form}. Keras 2's default for gates, a hard sigmoid, is not taken over."
    )
    title = f"IMDB, GRU of 100, reset {'after' if after else 'before'} the product"
    return network(title, source, {"tokens": [1, 150]}, {"tokens": [0, 30_000]}, nodes)


def lstm(size: int, steps: int) -> Dict:
    source = (
        f"Baidu's DeepBench (code/kernels/rnn_problems.h): LSTM of {size} units on as many inputs, {steps} steps, the "
        "last state; batches of 1, 2 and 4 for a server's inference, of 16 and more for training."
    )
    node = recurrent("LSTM", ["x"], size, size, biases=2, output="Y_h")
    return network(f"LSTM, {size} units, {steps} steps", source, {"x": [1, steps, size]}, {}, [node])


def lstm_cell() -> Dict:
    source = (
        "One step, from a given state, of an LSTM of DeepBench's: 512 units on as many inputs, with forget gate (Gers, "
        "Schmidhuber and Cummins, 2000) and without peepholes."
    )
    node = recurrent("LSTM", ["x", "", "h", "c"], 512, 512, biases=2, output="Y_h")
    inputs = {"x": [1, 1, 512], "h": [1, 512], "c": [1, 512]}
    return network("LSTM cell, 512 units, one step", source, inputs, {}, [node])


NETWORKS: dict[str, Callable[[], Dict]] = {
    "imdb_gru": lambda: imdb_gru(after=True),
    "imdb_gru_reset_before": lambda: imdb_gru(after=False),
    "imdb_lstm": lambda: imdb_lstm(padded=False),
    "imdb_lstm_padded": lambda: imdb_lstm(padded=True),
    "lstm_256": lambda: lstm(256, 150),
    "lstm_512": lambda: lstm(512, 25),
    "lstm_1024": lambda: lstm(1024, 25),
    "lstm_cell": lstm_cell,
}
