"""Is a reader told of what a valid record should be read with?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.cautions import list_cautions
from orchestrator.analysis.kernels import KERNELS, LEVELS, cpu_level, find_kernel, is_narrower
from tests.makers import evidence, library, mkl, provenance, record, variant

CODES_OF_SHAPES = {
    "": [],
    "2 cpus on 2 cores of 1 nodes": [],
    "4 cpus on 4 cores of 2 nodes": ["two-nodes"],
    "4 cpus on 2 cores of 1 nodes": ["shared-cores"],
    "4 cpus on 4 cores of 1 nodes (mixed kinds)": ["mixed-cores"],
    "4 cpus on 4 cores of 1 nodes (efficiency cores)": ["efficiency-cores"],
    "2 cpus on 2 cores of 1 nodes (siblings of others)": ["open-siblings"],
}


def cautions(*, host: dict[str, str | None] | None = None, shape: str = "", core: str = "", **seen: Any) -> list[str]:
    source = provenance(host=host or {"kernel": "6.1.0"}, cpu_shape=shape)
    row = variant(core=core, tag="forced" if core else "")
    return [found.code for found in list_cautions(record(variant=row, provenance=source), evidence(**seen))]


@pytest.mark.parametrize(("shape", "codes"), CODES_OF_SHAPES.items())
def test_cpus_that_no_single_number_describes_are_told_of(shape: str, codes: list[str]) -> None:
    assert cautions(shape=shape) == codes


@pytest.mark.parametrize(
    ("kernel", "state", "codes"),
    [
        ("5.15.0-91-generic", "thread force mitigated", ["forced-mitigation"]),
        ("4.19.0", "thread force mitigated", ["forced-mitigation"]),
        ("5.16.0", "thread force mitigated", []),
        ("6.1.0", "thread force mitigated", []),
        ("5.15.0", "thread vulnerable", []),
        (None, "thread force mitigated", []),
    ],
)
def test_before_linux_5_16_a_seccomp_filter_brought_a_mitigation_along(
    kernel: str | None, state: str, codes: list[str]
) -> None:
    assert cautions(host={"kernel": kernel}, security={"Speculation_Store_Bypass": state}) == codes


@pytest.mark.parametrize(
    ("core", "isa", "codes"),
    [
        ("Barcelona", ("avx", "avx2"), ["poor-core"]),
        ("Nehalem", ("avx",), ["poor-core"]),
        ("Nehalem", ("sse4_2",), []),
        ("generic", (), ["poor-core"]),
        ("Haswell", ("avx", "avx2", "avx512f"), []),
        ("Zarathustra", ("avx2",), []),
        (None, ("avx2",), []),
    ],
)
def test_kernels_of_another_age_than_the_cpu_are_told_of(
    core: str | None, isa: tuple[str, ...], codes: list[str]
) -> None:
    assert cautions(libraries=(library(core=core),), isa=isa) == codes


def test_a_kernel_that_the_row_asks_for_is_no_surprise() -> None:
    assert cautions(libraries=(library(core="Barcelona"),), isa=("avx2",), core="Barcelona") == []


def test_of_atlas_it_is_said_that_it_was_built_so() -> None:
    seen = evidence(libraries=(library(name="atlas", core="x86SSE2"),), isa=("avx2",))
    (found,) = list_cautions(record(), seen)
    assert found.text == "atlas was built with 'x86SSE2' kernels, which leave this CPU's wider vectors alone"


def test_two_openmp_runtimes_and_mkl_on_amd_are_told_of() -> None:
    gomp, intel = (library(kind="openmp", name=name, path=f"/lib/{name}") for name in ("libgomp", "libiomp5"))
    assert cautions(libraries=(library(), gomp, intel)) == ["two-openmp"]
    assert cautions(libraries=(library(), gomp)) == []
    assert cautions(libraries=(mkl(),), cpu_model="AMD EPYC") == ["mkl-on-amd"]
    assert cautions(libraries=(mkl(),), cpu_model="Intel Xeon") == []


def test_every_kernel_of_the_table_has_a_level_that_there_is() -> None:
    assert {kernel.level for kernel in KERNELS.values()} <= set(LEVELS)
    assert all(name == name.lower() and find_kernel(name.upper()) for name in KERNELS)
    assert find_kernel("libmkl_avx2") == KERNELS["mkl_avx2"]
    assert find_kernel("libmkl_def") is None


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        (("sse4_2",), "SSE"),
        (("avx", "sse4_2"), "AVX"),
        (("avx", "avx2"), "AVX2"),
        (("avx2", "avx512f"), "AVX-512"),
        (("asimd",), ""),
    ],
)
def test_the_widest_flag_is_the_cpus_level(flags: tuple[str, ...], level: str) -> None:
    assert cpu_level(flags) == level
    assert not is_narrower(level, level)
    assert is_narrower("plain C", level) == bool(level)
