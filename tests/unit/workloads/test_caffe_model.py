"""Are Caffe's two files what protobuf and Caffe say that they are?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workloads import caffe_model
from workloads.backends.base import Node, Unsupported


@pytest.mark.parametrize(
    ("number", "data"), [(0, b"\x00"), (1, b"\x01"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")]
)
def test_a_number_is_seven_bits_a_byte_the_lowest_first(number: int, data: bytes) -> None:
    assert caffe_model.varint(number) == data


def test_a_caffemodel_holds_name_type_shape_and_numbers_of_a_layer() -> None:
    array = np.array([[1.0, -2.0]], np.float32)
    data = caffe_model.caffemodel("n", [("ip", "InnerProduct", [array])])
    blob = b"\x3a\x04\x0a\x02\x01\x02" + b"\x2a\x08" + array.tobytes()
    layer = b"\x0a\x02ip" + b"\x12\x0cInnerProduct" + b"\x3a" + bytes([len(blob)]) + blob
    assert data == b"\x0a\x01n" + b"\xa2\x06" + bytes([len(layer)]) + layer


def test_a_layer_is_written_as_caffe_writes_it() -> None:
    made: Any = {"name": "c", "op": "Conv", "inputs": ["x"], "weights": {"W": [2, 3, 1, 1]}}
    node = Node({**made, "attrs": {"kernel_shape": [1, 1]}})
    writer: Any = caffe_model.Writer(1, "default", "absent")
    text, _ = writer.caffe([node], {"c": {"W": np.ones((2, 3, 1, 1), np.float32)}}, {"x": (1, 3, 4, 4)}, ["c"])
    lines = text.decode().splitlines()
    assert lines[1] == (
        'layer { name: "x" type: "Input"  top: "x" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }'
    )
    assert 'type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 2 bias_term: false' in lines[2]


def test_pads_that_differ_on_two_sides_are_refused() -> None:
    node = Node(
        {"name": "p", "op": "MaxPool", "inputs": ["x"], "attrs": {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}}
    )
    with pytest.raises(Unsupported, match="both sides alike"):
        caffe_model.window(node)
