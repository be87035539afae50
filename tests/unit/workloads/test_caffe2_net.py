"""Is a network planned as Caffe2's own layers want it, without Caffe2?"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.network_files import NETWORKS
from workloads import weights
from workloads.backends.base import Node
from workloads.recurrent import Recurrent

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = {
    "caffe2": (),
    "caffe2.proto": ("caffe2_pb2",),
    "caffe2.python": ("core", "gru_cell", "rnn_cell", "transformations", "workspace"),
    "caffe2.python.model_helper": ("ModelHelper",),
    "caffe2.python.recurrent": ("set_rnn_executor_config",),
}
OURS = [f"workloads.backends.caffe2{part}" for part in ("", "_sequence", "_transformer")]


@pytest.fixture
def caffe2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The backend's module, which only plans here."""
    for name, members in MODULES.items():
        made = ModuleType(name)
        for member in members:
            setattr(made, member, ModuleType(member))
        monkeypatch.setitem(sys.modules, name, made)
    for name in OURS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(OURS[0])
    for name in OURS:
        sys.modules.pop(name, None)


def nodes(name: str) -> list[Node]:
    return [Node(each) for each in NETWORKS[name]()["nodes"]]


@pytest.mark.parametrize("name", ["gpt_prefill", "gpt_decode", "bert_base"])
def test_an_attention_knows_how_long_a_head_is(caffe2: Any, name: str) -> None:
    found = caffe2.shapes(nodes(name), NETWORKS[name]()["inputs"])
    heads = [found[node.inputs[0]] for node in nodes(name) if node.op == "Attention"]
    assert heads and {(len(shape), shape[-1]) for shape in heads} == {(4, 64)}


@pytest.mark.parametrize(("op", "biases"), [("LSTM", 1), ("LSTM", 2), ("GRU", 1), ("GRU", 2), ("GRU", 0)])
def test_the_blobs_of_a_layer_are_put_together_in_the_layout_of_the_weights(caffe2: Any, op: str, biases: int) -> None:
    width = {"LSTM": 4, "GRU": 3}[op] * 3
    shapes = {"W": [1, width, 2], "R": [1, width, 3], **({"B": [1, biases * width]} if biases else {})}
    attrs = {"hidden_size": 3, "layout": 1}
    node = Node({"name": "y", "op": op, "inputs": ["x"], "weights": shapes, "attrs": attrs})
    own = weights.make_node(node, 1)
    backend = caffe2.Backend(1, "default", "off")
    blobs: dict[str, Any] = {}
    backend._given = lambda blob, array: blobs.update({blob: array}) or blob
    backend.kept, backend.layers = {}, {"y": (op, Recurrent(node, own))}
    backend._feed_layer(node, backend.layers["y"][1])
    assert len(blobs) == 2 + 2 * {"LSTM": 1, "GRU": 3}[op]
    found = backend.in_onnx_layout({name: blobs[name] for name in backend.kept})
    assert set(found) == {f"y.{key}" for key in own}
    assert all(np.array_equal(found[f"y.{key}"], own[key]) for key in own)
