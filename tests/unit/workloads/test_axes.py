"""Which axes does an operator mean, and what says so where a framework keeps an image's channels last?"""

from __future__ import annotations

from typing import Any

import pytest

from workloads.backends.base import Node, Unsupported, has_images
from workloads.backends.reference_transformer import scale_of, with_one


def node(op: str, name: str = "y", **attrs: Any) -> Node:
    return Node({"name": name, "op": op, "inputs": ["x"], "attrs": attrs})


@pytest.mark.parametrize("op", ["LayerNormalization", "MatMul", "ReduceMean", "ReduceSum", "Reshape", "Unsqueeze"])
def test_axes_behind_an_image_are_refused_where_channels_are_last(op: str) -> None:
    with pytest.raises(Unsupported, match="y: which axes are channels"):
        has_images([node("Conv", "x"), node(op)])
    assert not has_images([node("Gemm", "x"), node(op)])
    assert has_images([node("Conv", "x"), node("Relu")])


def test_an_axis_that_is_put_in_from_behind_is_counted_in_what_comes_out() -> None:
    assert [with_one((2, 3), axis) for axis in (0, 1, 2)] == [(1, 2, 3), (2, 1, 3), (2, 3, 1)]
    assert [with_one((2, 3), axis) for axis in (-1, -2, -3)] == [(2, 3, 1), (2, 1, 3), (1, 2, 3)]


def test_an_attention_with_more_than_is_computed_here_is_refused() -> None:
    assert scale_of(node("Attention", is_causal=1), 4) == 0.5
    with pytest.raises(Unsupported, match="Attention with softcap"):
        scale_of(node("Attention", softcap=0.5), 4)
