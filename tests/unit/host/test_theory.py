"""Is the theoretical peak the product of what is known, and nothing where something is not?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.host.processor import read_processor
from orchestrator.host.theory import Processor, count_cores, read_clock, read_processors, theoretical_peak

AVX2 = "sse4_2 avx fma avx2"
AVX512 = f"{AVX2} avx512f avx512bw"


def host(vendor: str, family: int, model: int, flags: str, **fields: str | None) -> dict[str, str | None]:
    """A machine of eight cores at 2 GHz, by /proc/cpuinfo alone."""
    seen: dict[str, str | None] = {
        "cpu_vendor": vendor,
        "cpu_family": str(family),
        "cpu_model_number": str(model),
        "cpu_model": "a CPU",
        "cpu_flags": flags,
        "cores": "8",
        "mhz_now": "2000.000",
    }
    return seen | fields


INTEL, AMD = "GenuineIntel", "AuthenticAMD"


# FLOP per cycle and core, as tables of microarchitectures have them: 2 x lanes x FMA per cycle.
@pytest.mark.parametrize(
    ("machine", "per_cycle"),
    [
        (host(INTEL, 6, 63, AVX2), 32),  # Haswell
        (host(INTEL, 6, 158, AVX2), 32),  # Coffee Lake
        (host(INTEL, 6, 85, AVX512, cpu_model="Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz"), 64),
        (host(INTEL, 6, 85, AVX512, cpu_model="Intel(R) Xeon(R) Gold 5122 CPU @ 3.60GHz"), 64),
        (host(INTEL, 6, 85, AVX512, cpu_model="Intel(R) Xeon(R) Gold 5118 CPU @ 2.30GHz"), 32),
        (host(INTEL, 6, 85, AVX512, cpu_model="Intel(R) Xeon(R) Silver 4110 CPU @ 2.10GHz"), 32),
        (host(INTEL, 6, 106, AVX512), 64),  # Ice Lake-SP
        (host(INTEL, 6, 167, AVX512), 32),  # Rocket Lake
        (host(INTEL, 6, 143, f"{AVX512} avx512_bf16 avx512_fp16 amx_tile"), 64),  # Sapphire Rapids
        (host(AMD, 23, 1, AVX2), 16),  # Zen
        (host(AMD, 23, 49, AVX2), 32),  # Zen 2
        (host(AMD, 25, 1, AVX2), 32),  # Zen 3
        (host(AMD, 25, 17, f"{AVX512} avx512_bf16"), 32),  # Zen 4: 512 bits in two cycles
        (host(AMD, 26, 2, f"{AVX512} avx512_bf16"), 64),  # Zen 5
    ],
)
def test_a_known_family_does_so_many_operations_per_cycle(machine: dict[str, str | None], per_cycle: int) -> None:
    assert theoretical_peak(machine, 1).flops_per_s == per_cycle * 2e9


def test_the_flags_of_another_family_outweigh_the_model_that_a_hypervisor_shows() -> None:
    shown_as_rocket_lake = host(INTEL, 6, 167, f"{AVX512} avx512_bf16 avx512_fp16 amx_tile")
    found = theoretical_peak(shown_as_rocket_lake, 1)
    assert found.flops_per_s == 64 * 2e9
    assert "Sapphire Rapids" in found.how


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (host(INTEL, 6, 999, AVX2), "vendor GenuineIntel family 6 model 999"),
        (host("ARM", 8, 1, ""), "is not in processors.toml"),
        (host(INTEL, 6, 85, AVX512, cpu_model="Intel(R) Xeon(R) Processor @ 2.30GHz"), "is not in processors.toml"),
        (host(AMD, 25, 17, AVX2), "is not in processors.toml"),  # a Zen 4 without its AVX-512 is none
        (host(INTEL, 6, 63, AVX2, mhz_now=None), "the clock is not known"),
        (host(INTEL, 6, 63, AVX2, mhz_now="fast"), "the clock is not known"),
        (host(INTEL, 6, 63, AVX2, cores=None), "physical cores"),
        ({}, "vendor unknown family unknown model unknown"),
    ],
)
def test_what_is_not_known_is_no_number_but_a_reason(machine: dict[str, str | None], reason: str) -> None:
    found = theoretical_peak(machine, 1)
    assert found.flops_per_s is None
    assert reason in found.how


def test_threads_count_as_far_as_there_are_cores() -> None:
    machine = host(INTEL, 6, 63, AVX2)
    assert [count_cores(machine, threads) for threads in (1, 8, 16)] == [1, 8, 8]
    peaks = [theoretical_peak(machine, threads).flops_per_s for threads in (1, 8, 16)]
    assert peaks == [64e9, 512e9, 512e9]


def test_the_clock_is_what_cpufreq_allows_and_only_without_it_the_nominal_one() -> None:
    nominal = read_clock({"mhz_now": "2700.000"})
    assert nominal is not None
    assert (nominal.hz, "nominal" in nominal.kind) == (2.7e9, True)
    limited = read_clock({"mhz_now": "800.1", "frequency_highest_khz": "3500000"})
    mixed = read_clock({"frequency_highest_khz": "2400000 (4-7), 3500000 (0-3,9)"})
    assert limited is not None
    assert mixed is not None
    assert limited.hz == mixed.hz == 3.5e9
    assert "nominal" not in limited.kind
    assert read_clock({}) is None


def test_the_product_is_written_out() -> None:
    how = theoretical_peak(host(INTEL, 6, 63, AVX2), 2).how
    assert how.startswith("8 lanes x 2 FMA per cycle x 2 x 2.00 GHz (nominal, of /proc/cpuinfo) x 2 cores: Haswell")


def test_every_row_has_its_source_and_fits_some_machine() -> None:
    rows = read_processors()
    assert all(row.source and (row.fma_256 or row.fma_512) for row in rows)
    for row in rows:
        assert row.models or row.flags
        assert not set(row.flags) & set(row.lacks)


def test_no_two_rows_fit_the_same_model_with_the_same_flags() -> None:
    rows = read_processors()
    for one in rows:
        for other in rows:
            same = (one.vendor, one.family) == (other.vendor, other.family) and set(one.models) & set(other.models)
            if one is not other and same:
                assert told_apart(one, other), (one.name, other.name)


def told_apart(one: Processor, other: Processor) -> bool:
    """By a flag that one wants and the other refuses, or by names that they are found under."""
    flags = set(one.flags) & set(other.lacks) or set(other.flags) & set(one.lacks)
    return bool(flags) or (bool(one.name_pattern) and bool(other.name_pattern))


def test_the_processor_is_read_from_cpuinfo_and_its_cores_from_sysfs(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    text = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Fast One\ncpu MHz\t\t: 2700.000\n"
    (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\n{text}\nprocessor\t: 1\nmodel\t\t: 7\n")
    (tmp_path / "sys/devices/system/cpu/cpu0/topology").mkdir(parents=True)
    values = {name: value for name, value, _ in read_processor(tmp_path)}
    assert int(values.pop("cores") or 0) > 0
    wanted = {"cpu_vendor": "GenuineIntel", "cpu_family": "6", "cpu_model_number": "143", "mhz_now": "2700.000"}
    assert values == wanted


def test_a_processor_that_nobody_describes_has_reasons_in_place_of_values(tmp_path: Path) -> None:
    found = list(read_processor(tmp_path))
    assert {value for _, value, _ in found} == {None}
    assert all(reason for _, _, reason in found)
