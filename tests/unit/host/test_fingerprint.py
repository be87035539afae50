"""Is the state of a machine read as it is, and what cannot be read never made up?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.host.fingerprint import read_cpu_flags, read_fingerprint

CPUINFO = """\
processor\t: 0
model name\t: Fast One
microcode\t: 0x1
flags\t\t: avx2 fma

processor\t: 1
model name\t: Other
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_what_is_there_is_read(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/cpuinfo": CPUINFO,
            "proc/meminfo": "MemTotal:       1000 kB\nMemFree: 1 kB\n",
            "proc/sys/kernel/osrelease": "6.1.0\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        },
    )
    values = read_fingerprint(root).values
    assert values["cpu_model"] == "Fast One"
    assert values["cpu_flags"] == "avx2 fma"
    assert values["memory_kib"] == "1000"
    assert values["kernel"] == "6.1.0"
    assert values["governor"] == "powersave"
    assert values["transparent_hugepages"] == "madvise"
    assert read_cpu_flags(root) == frozenset({"avx2", "fma"})


def test_what_is_not_there_is_none_with_a_reason(tmp_path: Path) -> None:
    found = read_fingerprint(tmp_path)
    missing = {name for name, value in found.values.items() if value is None}
    assert {"cpu_model", "governor", "turbo", "memory_kib"} <= missing
    assert missing == set(found.reasons)
    assert all(found.reasons.values())
    assert read_cpu_flags(tmp_path) is None


@pytest.mark.parametrize(
    ("file", "text", "turbo"),
    [
        ("intel_pstate/no_turbo", "0", "on"),
        ("intel_pstate/no_turbo", "1", "off"),
        ("cpufreq/boost", "0", "off"),
        ("cpufreq/boost", "1", "on"),
        ("cpufreq/boost", "?", None),
    ],
)
def test_turbo_is_said_in_two_opposite_ways(tmp_path: Path, file: str, text: str, turbo: str | None) -> None:
    write(tmp_path, {f"sys/devices/system/cpu/{file}": text})
    assert read_fingerprint(tmp_path).values["turbo"] == turbo


def test_this_machine_has_a_kernel_and_a_count_of_cpus() -> None:
    values = read_fingerprint().values
    assert values["kernel"]
    assert int(values["cpu_count"] or 0) > 0
