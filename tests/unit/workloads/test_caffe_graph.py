"""Is a network written as Caffe's prototxt with Caffe's own conventions, without Caffe?"""

from __future__ import annotations

import importlib
import json
import re
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from orchestrator import paths
from workloads.backends.base import Node, Unsupported
from workloads.caffe_graph import Blob, message, pool_size, window
from workloads.weights import make_weights

OURS = ["workloads.backends.caffe", "workloads.backends.caffe_sequence"]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Caffe 1.0's backend, which only writes here: no pool of it can be told to round down."""
    fields = SimpleNamespace(fields_by_name={})
    proto = SimpleNamespace(caffe_pb2=SimpleNamespace(PoolingParameter=SimpleNamespace(DESCRIPTOR=fields)))
    layers: list[str] = []
    made = SimpleNamespace(proto=proto, known=fields.fields_by_name, layers=layers, layer_type_list=lambda: layers)
    monkeypatch.setitem(sys.modules, "caffe", made)
    for name in OURS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(OURS[0]).Backend(1, "default", "absent")
    for name in OURS:
        sys.modules.pop(name, None)


def network(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((paths.workloads_dir() / "networks" / f"{name}.json").read_text())
    return found


def write(backend: Any, data: dict[str, Any]) -> str:
    nodes = [Node(each) for each in data["nodes"]]
    weights = {node.name: {key: np.ones(shape, np.float32) for key, shape in node.shapes.items()} for node in nodes}
    text: str = backend.write(nodes, weights, data["inputs"], data["outputs"])
    return text


def one(op: str, **attrs: Any) -> dict[str, Any]:
    node = {"name": "y", "op": op, "inputs": ["x"], "attrs": attrs}
    return {"nodes": [node], "inputs": {"x": (1, 2, 8, 8)}, "outputs": ["y"]}


@pytest.mark.parametrize(
    "name", ["vgg16", "mobilenet_v1", "gemm", "imdb_lstm", "imdb_lstm_padded", "lstm_512", "lstm_cell"]
)
def test_every_layer_reads_what_an_earlier_one_wrote(backend: Any, name: str) -> None:
    text = write(backend, network(name))
    assert text.count("{") == text.count("}")
    known: set[str] = set()
    for layer in re.split(r"^layer ", text, flags=re.MULTILINE)[1:]:
        assert set(re.findall(r'bottom: "([^"]+)"', layer)) <= known
        known |= set(re.findall(r'top: "([^"]+)"', layer))
    assert {blob.name for blob in backend.placed.values()} <= known
    assert set(backend.placed) == set(network(name)["outputs"])


def test_every_weight_of_a_network_is_given_to_a_layer(backend: Any) -> None:
    data = network("mobilenet_v1")
    write(backend, data)
    given = sum(np.size(array) for arrays in backend.parameters.values() for array in arrays if np.ndim(array))
    assert given == sum(array.size for arrays in make_weights(data, 0).values() for array in arrays.values())


def test_the_gates_of_an_lstm_lie_as_caffe_has_them_and_its_two_biases_are_one(backend: Any) -> None:
    data = network("lstm_cell")
    weights = make_weights(data, 0)
    backend.write([Node(each) for each in data["nodes"]], weights, data["inputs"], data["outputs"])
    w, bias, r = backend.parameters["lstm"]
    own = {key: array[0] for key, array in weights["lstm"].items()}
    for row, gate in enumerate((0, 2, 1, 3)):  # ONNX's i, o, f, c
        ours, theirs = slice(512 * gate, 512 * gate + 512), slice(512 * row, 512 * row + 512)
        assert np.array_equal(w[theirs], own["W"][ours]) and np.array_equal(r[theirs], own["R"][ours])
        assert np.array_equal(bias[theirs], own["B"][:2048][ours] + own["B"][2048:][ours])
    found = {"lstm.W": w, "lstm.R": r}
    assert np.array_equal(backend.in_onnx_layout(found)["lstm.R"], weights["lstm"]["R"])


def test_an_lstm_starts_from_nothing_unless_a_state_is_given(backend: Any) -> None:
    write(backend, network("lstm_512"))
    assert backend.constants["lstm/cont"][:, 0].tolist() == [0] + [1] * 24
    assert set(backend.constants) == {"lstm/cont", "lstm/h", "lstm/c"}
    write(backend, network("lstm_cell"))
    assert backend.constants["lstm/cont"].tolist() == [[1]]
    assert set(backend.constants) == {"lstm/cont"}


def test_a_batch_has_its_steps_in_front_by_permute_and_a_single_sample_as_it_lies(backend: Any) -> None:
    data = network("imdb_lstm")
    assert "Permute" not in write(backend, data)
    data["inputs"] = {name: [16, *shape[1:]] for name, shape in data["inputs"].items()}
    with pytest.raises(Unsupported, match="this Caffe has no Permute"):
        write(backend, data)
    sys.modules["caffe"].layers.append("Permute")
    assert write(backend, data).count('type: "Permute"') == 1  # of the tokens; nothing else is turned
    assert backend.placed["logits"].shape == (16, 2)


def test_steps_behind_the_length_of_a_sample_are_those_of_the_mask(backend: Any) -> None:
    write(backend, network("imdb_lstm"))
    left = 30 + backend.constants["lstm/before"][:, 0]  # as Bias adds the length; Threshold is 1 above 0
    assert (left > 0).sum() == 30 and (left > 0)[:30].all()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("imdb_gru", "RNN and LSTM"), ("gpt_prefill", "InnerProduct's is a weight"), ("bert_base", "InnerProduct's")],
)
def test_what_no_layer_computes_is_said_in_caffe_s_words(backend: Any, name: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        write(backend, network(name))


def test_two_biases_learn_nowhere_but_at_inference_they_are_a_sum(backend: Any) -> None:
    backend.learning = True
    with pytest.raises(Unsupported, match="has one"):
        write(backend, network("lstm_512"))


def test_the_last_state_learns_nothing_so_it_is_refused(backend: Any) -> None:
    data = network("imdb_lstm")
    lstm = next(each for each in data["nodes"] if each["op"] == "LSTM")
    lstm["attrs"]["output"] = "Y_h"
    backend.learning = True
    with pytest.raises(Unsupported, match="passes no gradient back"):
        write(backend, data)


def test_a_relu_writes_over_what_only_it_reads_and_over_no_output(backend: Any) -> None:
    conv = {
        "name": "c",
        "op": "Conv",
        "inputs": ["x"],
        "weights": {"W": [4, 2, 1, 1]},
        "attrs": {"kernel_shape": [1, 1]},
    }
    relu = {"name": "r", "op": "Relu", "inputs": ["c"]}
    data = {"nodes": [conv, relu], "inputs": {"x": (1, 2, 8, 8)}, "outputs": ["r"]}
    write(backend, data)
    assert backend.placed["r"] == Blob("c", (1, 4, 8, 8))
    write(backend, data | {"outputs": ["c", "r"]})
    assert backend.placed["r"] == Blob("r", (1, 4, 8, 8))


def test_the_right_operand_of_a_product_is_a_weight_that_load_fills(backend: Any) -> None:
    text = write(backend, network("gemm"))
    assert backend.operands == {"b": ["product"]}
    assert 'top: "b"' not in text and "num_output: 2048 bias_term: false transpose: true" in text


def test_a_pool_that_would_be_rounded_up_is_told_not_to_or_refused(backend: Any) -> None:
    sizes = {"kernel_shape": [3, 3], "strides": [2, 2]}
    with pytest.raises(Unsupported, match="rounds the size of a pool up"):
        write(backend, one("MaxPool", **sizes))
    assert "ceil_mode" not in write(backend, one("MaxPool", **sizes, ceil_mode=1))
    sys.modules["caffe"].known["round_mode"] = None
    assert "round_mode: FLOOR pool: MAX" in write(backend, one("MaxPool", **sizes))
    assert "round_mode" not in write(backend, one("MaxPool", kernel_shape=[2, 2], strides=[2, 2]))


@pytest.mark.parametrize(
    ("op", "attrs", "reason"),
    [
        ("MaxPool", {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}, "differ from side to side"),
        ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 2]}, "dilations"),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, "do not count"),
        ("Flatten", {"axis": 2}, "axis 2"),
    ],
)
def test_what_caffe_has_no_words_for_is_unsupported(backend: Any, op: str, attrs: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        write(backend, one(op, **attrs))


def test_a_window_that_would_begin_in_the_padding_is_left_out() -> None:
    def length(size: int, stride: int, pad: int) -> int:
        return int(pool_size(Blob("x", (1, 1, size, size)), (2, 2), (stride, stride), (pad, pad), ceil=True)[0])

    assert length(4, 2, 1) == 3
    assert length(5, 2, 0) == 3
    assert length(5, 3, 1) == 2  # by the formula 3, and the third would begin at 6, behind the image's end


def test_the_fields_of_a_message_are_written_as_protobuf_reads_them() -> None:
    assert message({"shape": {"dim": [2, 3]}, "axis": 1}) == "shape { dim: 2 dim: 3 } axis: 1"
    assert message({"pool": "MAX", "dim": [1, 3], "bias_term": True, "eps": 0.001, "axis": None}) == (
        "pool: MAX dim: 1 dim: 3 bias_term: true eps: 0.001"
    )
    node = Node({"name": "y", "op": "Conv", "inputs": [], "attrs": {"kernel_shape": [3, 5], "pads": [1, 2, 1, 2]}})
    assert window(node, dilated=True)[0] == {
        "kernel_h": 3,
        "kernel_w": 5,
        "stride_h": 1,
        "stride_w": 1,
        "pad_h": 1,
        "pad_w": 2,
    }
