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


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Caffe 1.0's backend, which only writes here: no pool of it can be told to round down."""
    fields = SimpleNamespace(fields_by_name={})
    proto = SimpleNamespace(caffe_pb2=SimpleNamespace(PoolingParameter=SimpleNamespace(DESCRIPTOR=fields)))
    monkeypatch.setitem(sys.modules, "caffe", SimpleNamespace(proto=proto, known=fields.fields_by_name))
    monkeypatch.delitem(sys.modules, "workloads.backends.caffe", raising=False)
    yield importlib.import_module("workloads.backends.caffe").Backend(1, "default", "absent")
    sys.modules.pop("workloads.backends.caffe", None)


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


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v1", "gemm"])
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
