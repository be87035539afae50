"""Does a narrower type change the tolerance alone, and is what XLA made of it read rightly?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.workloads.networks import SEED, Dict, tiny_network
from workloads import narrow as narrow_types
from workloads import verify
from workloads.backends import xla_evidence
from workloads.backends.base import Backend, Unsupported
from workloads.expected import expected

if TYPE_CHECKING:
    from collections.abc import Callable

WIDENED = """HloModule jit_f, is_scheduled=true

%fused (param_0: f32[32,256], param_1: f32[256,256]) -> f32[32,256] {
  %param_0 = f32[32,256]{1,0} parameter(0)
  %param_1 = f32[256,256]{1,0} parameter(1)
  ROOT %dot.0 = f32[32,256]{1,0} dot(%param_0, %param_1), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}

ENTRY %main (a: bf16[32,256], b: bf16[256,256]) -> bf16[32,256] {
  %a = bf16[32,256]{1,0} parameter(0)
  %b = bf16[256,256]{1,0} parameter(1)
  %wide = f32[32,256]{1,0} convert(%a)
  %wider = f32[256,256]{1,0} convert(%b)
  %product = f32[32,256]{1,0} fusion(%wide, %wider), kind=kCustom, calls=%fused
  ROOT %narrow = bf16[32,256]{1,0} convert(%product)
}
"""
"""What XLA 0.10.2 made of a product of bfloat16 on a CPU that has no instruction for it, without its metadata."""

KEPT = """HloModule jit_f

ENTRY %main (a: bf16[32,256], b: bf16[256,256]) -> bf16[32,256] {
  %a = bf16[32,256]{1,0} parameter(0)
  %b = bf16[256,256]{1,0} parameter(1)
  %dot.0 = f32[32,256]{1,0} dot(%a, %b), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  ROOT %narrow = bf16[32,256]{1,0} convert(%dot.0)
}
"""


class Narrow(Backend):  # type: ignore[misc]
    name = "narrow"
    dtypes = ("float32", "bfloat16")
    lacking = {"int8": "it quantises nothing"}  # noqa: RUF012  (as backends have it)


def test_a_backend_takes_what_it_has_and_says_why_it_lacks_the_rest() -> None:
    backend = Narrow(1, "default", "absent")
    backend.compute_in("bfloat16")
    assert backend.computes_in == "bfloat16"
    with pytest.raises(Unsupported, match="dtype 'int8': it quantises nothing"):
        backend.compute_in("int8")
    with pytest.raises(Unsupported, match="dtype 'float16': narrow has float32, bfloat16 here"):
        backend.compute_in("float16")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int8"])
def test_the_expected_values_stay_and_the_tolerance_is_the_types(dtype: str) -> None:
    network = tiny_network()
    plain, narrow = expected(network, 2, SEED), expected(network, 2, SEED, computed_in=dtype)
    assert next(iter(narrow)) == network["compared"]
    for name, each in narrow.items():
        assert 1e-3 < each["tolerance"] <= 0.5
        assert {**each, "tolerance": 1e-3} == plain[name]


def test_fewer_bits_may_be_further_off() -> None:
    network = tiny_network()
    found = {dtype: expected(network, 2, SEED, computed_in=dtype) for dtype in ("bfloat16", "float16")}
    wide, close = (found[dtype][network["compared"]]["tolerance"] for dtype in ("bfloat16", "float16"))
    assert 3 < wide / close < 30  # three bits


def test_rounding_is_that_of_the_type() -> None:
    array = np.array([1, 1 + 2**-9, 1 + 2**-7, 1 + 3 * 2**-8, -(1 + 2**-8), 0], np.float32)
    assert narrow_types.to_bfloat16(array).tolist() == [1, 1, 1 + 2**-7, 1 + 2**-6, -1, 0]
    weight = np.array([-1.27, 0.004, 0.006, 1.0], np.float32)
    assert narrow_types.to_int8(weight) == pytest.approx([-1.27, 0, 0.01, 1.0], abs=1e-6)
    assert narrow_types.to_seven_bits(np.array([0, 0.3, 127], np.float32)).tolist() == [0, 0, 127]


def without_bias(network: Dict) -> None:
    biased = next(node for node in network["nodes"] if node["op"] == "Gemm")
    del biased["weights"]["C"]


def without_relu(network: Dict) -> None:
    gone = next(node for node in network["nodes"] if node["op"] == "Relu")
    network["nodes"].remove(gone)
    for node in network["nodes"]:
        node["inputs"] = [gone["inputs"][0] if name == gone["name"] else name for name in node["inputs"]]


@pytest.mark.parametrize(
    ("dtype", "change"),
    [
        ("bfloat16", without_bias),
        ("float16", without_bias),
        ("int8", without_bias),
        ("bfloat16", without_relu),
        ("float16", without_relu),
        ("int8", without_relu),
    ],
)
def test_another_network_is_wrong_in_a_narrow_type_too(dtype: str, change: Callable[[Dict], None]) -> None:
    network = tiny_network()
    mutant = copy.deepcopy(network)
    change(mutant)
    wanted, found = expected(network, 2, SEED, computed_in=dtype), expected(mutant, 2, SEED)
    errors = verify.errors({name: each["values"] for name, each in found.items()}, wanted)
    with pytest.raises(verify.Wrong, match="off by"):
        verify.check_errors(errors, wanted)


def test_products_that_xla_widened_are_float32() -> None:
    assert xla_evidence.precision_of_products(WIDENED) == "float32"
    assert xla_evidence.precision_of_products(KEPT) == "bfloat16"
    assert xla_evidence.precision_of_products(WIDENED + KEPT) == "bfloat16, float32"
    assert (
        xla_evidence.precision_of_products(KEPT.replace("dot(%a, %b)", "dot(bf16[32,256]{1,0} %a, %b)")) == "bfloat16"
    )
    assert xla_evidence.precision_of_products("HloModule jit_f").startswith("unknown")
