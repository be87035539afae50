"""Is the text of XLA's optimised HLO read as it stands, and an operator's padding as TensorFlow means it?"""

from __future__ import annotations

from typing import Any

import pytest

from workloads.backends import xla_evidence
from workloads.backends.base import Backend, Node, Unsupported
from workloads.backends.padding import is_same

ON_CPU = """HloModule jit_network

%inside (p0: f32[2,3]) -> f32[2,5] {
  %dot.1 = f32[2,5]{1,0} dot(%p0, %p1), lhs_contracting_dims={1}
}

ENTRY %main (x: f32[2,3]) -> f32[2,5] {
  %fusion = f32[2,5]{1,0} fusion(%x), kind=kCustom, calls=%inside, backend_config={"kind":"__ynn_fusion"}
  %convolution = f32[1,2,2,4]{3,2,1,0} convolution(%a, %b), dim_labels=b01f_01io->b01f
}
"""
ON_GPU = """HloModule jit_network

ENTRY %main (x: f32[2,3]) -> f32[2,5] {
  %gemm = (f32[2,5]{1,0}, s8[64]{0}) custom-call(%x, %w), custom_call_target="__cublas$gemm"
  %conv = (f32[1,2]{1,0}, u8[0]{0}) custom-call(%x, %w), custom_call_target="__cudnn$convForward"
}
"""


def test_products_inside_and_outside_of_ynnpacks_fusions_are_counted() -> None:
    assert xla_evidence.products(ON_CPU) == (1, 1)
    found = xla_evidence.library(ON_CPU, "0.10.2")
    assert (found["name"], found["core"], found["version"]) == ("xla", "eigen+ynnpack", "0.10.2")
    assert found["how"].startswith("2 products")


def test_xla_is_named_on_a_gpu_only_if_products_were_left_to_it() -> None:
    assert xla_evidence.left_to_xla(ON_GPU, "0.10.2") == []
    found = xla_evidence.left_to_xla(ON_GPU + ON_CPU, "0.10.2")
    assert [entry["how"] for entry in found] == ["2 products in XLA's optimised HLO beside 2 calls of cuBLAS and cuDNN"]


def test_onednn_is_on_where_it_is_called() -> None:
    assert xla_evidence.onednn_state(ON_CPU)[0] == "off"
    state, reason = xla_evidence.onednn_state(ON_CPU + 'custom_call_target="__onednn$matmul"')
    assert (state, reason[:16]) == ("on", "1 __onednn$ call")


def test_any_other_type_of_number_shows_in_the_precision() -> None:
    assert xla_evidence.precision(ON_CPU) == "float32"
    assert xla_evidence.precision(ON_CPU + "  %c = bf16[2]{0} convert(%x)\n") == "bf16, f32"


@pytest.mark.parametrize(
    ("attrs", "same"),
    [
        ({"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, True),
        ({"kernel_shape": [1, 1]}, True),
        ({"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}, True),
        ({"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}, False),
        ({"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}, False),
        ({"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "dilations": [2, 2]}, False),
        ({"kernel_shape": [3, 3]}, False),
    ],
)
def test_same_means_what_tensorflow_pads_at_stride_one(attrs: dict[str, Any], same: bool) -> None:
    assert is_same(Node({"name": "y", "op": "Conv", "inputs": ["x"], "attrs": attrs})) is same


def test_a_backend_without_a_gpu_path_is_unsupported_there_and_computes_nowhere_else() -> None:
    assert Backend(1, "default", "absent").placement() == "cpu"
    with pytest.raises(Unsupported, match="device 'cuda'"):
        Backend(1, "default", "absent", "cuda")
