"""Does a narrower type change the tolerance alone, and is what XLA made of it read rightly?"""

from __future__ import annotations

import copy

import pytest

from tests.unit.workloads.networks import SEED, tiny_network
from workloads import verify
from workloads.backends import xla_evidence
from workloads.backends.base import Backend, Unsupported
from workloads.expected import TOLERANCE, expected

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
    assert narrow[network["compared"]]["tolerance"] == TOLERANCE[dtype]
    assert max(each["tolerance"] for each in narrow.values()) <= 0.5
    for name, each in plain.items():
        assert {**narrow[name], "tolerance": 1e-3} == each


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int8"])
def test_a_network_without_a_bias_is_wrong_in_a_narrow_type_too(dtype: str) -> None:
    network = tiny_network()
    mutant = copy.deepcopy(network)
    biased = next(node for node in mutant["nodes"] if node["op"] == "Gemm")
    del biased["weights"]["C"]
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
