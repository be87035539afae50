"""Is the state of a machine read as it is, and what cannot be read never made up?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.analysis.trials import _PASSING
from orchestrator.host.fingerprint import read_cpu_flags, read_fingerprint, say_cpus
from orchestrator.host.virtual import read_cgroup_version, read_hypervisor
from tests.unit.host.machines import CPU, FILES, write_machine

WANTED = {
    "cpu_model": "Fast One",
    "cpu_flags": "avx2 fma hypervisor",
    "microcode": "0x1",
    "memory_kib": "1000",
    "kernel": "6.1.0",
    "kernel_build": "#1 SMP PREEMPT_DYNAMIC Debian",
    "kernel_switches": "isolcpus=1 mitigations=off nosmt",
    "governor": "powersave",
    "frequency_driver": "intel_pstate",
    "frequency_lowest_khz": "800000",
    "frequency_highest_khz": "3500000",
    "energy_preference": "balance_performance",
    "turbo": "off",
    "smt": "on",
    "transparent_hugepages": "madvise",
    "aslr": "2",
    "numa_balancing": "1",
    "clocksource": "tsc",
    "swap": "5120 KiB",
    "swappiness": "60",
    "hypervisor": "QEMU Standard PC",
    "cgroup": "v2",
    "cpus_online": "0-1",
    "cpus_isolated": "1",
    "cpus_tickless": "none",
    "vulnerability.meltdown": "Not affected",
    "vulnerability.spectre_v2": "Mitigation: Retpolines",
    "gpu_driver": "570.86.15",
    "gpu_model": "NVIDIA H200",
    "gpu_uuid": "GPU-1234",
    "gpu_vbios": "96.00.01",
    "gpu_firmware": "570.1",
}


@pytest.mark.parametrize(("name", "value"), WANTED.items(), ids=WANTED)
def test_what_is_there_is_read(tmp_path: Path, name: str, value: str) -> None:
    assert read_fingerprint(write_machine(tmp_path)).values[name] == value
    assert read_cpu_flags(tmp_path) == frozenset({"avx2", "fma", "hypervisor"})


def test_what_is_not_there_is_none_with_a_reason_and_nothing_is_empty_or_made_up(tmp_path: Path) -> None:
    found = read_fingerprint(tmp_path)
    missing = {name for name, value in found.values.items() if value is None}
    assert missing >= {name for name in WANTED if not name.startswith("vulnerability.")}
    assert "vulnerabilities" in missing
    assert missing == set(found.reasons)
    assert all(found.reasons.values())
    assert all(value is None or value for value in found.values.values())
    assert read_cpu_flags(tmp_path) is None


def test_nothing_of_the_command_line_is_kept_that_does_not_change_how_fast_code_runs(tmp_path: Path) -> None:
    text = str(read_fingerprint(write_machine(tmp_path)))
    assert "hunter2" not in text
    assert "secret" not in text


def test_a_command_line_without_such_words_says_none(tmp_path: Path) -> None:
    assert read_fingerprint(write_machine(tmp_path, {"proc/cmdline": "quiet\n"})).values["kernel_switches"] == "none"


def test_an_empty_list_is_none_of_it_and_a_missing_one_is_not_known(tmp_path: Path) -> None:
    found = read_fingerprint(write_machine(tmp_path, {f"{CPU}/isolated": "\n"}))
    assert found.values["cpus_isolated"] == "none"
    assert found.values["cpus_tickless"] is None


def test_one_cpu_with_another_governor_shows(tmp_path: Path) -> None:
    files = {f"{CPU}/cpu{cpu}/cpufreq/scaling_governor": "performance\n" for cpu in (0, 1, 2, 10)}
    files[f"{CPU}/cpu3/cpufreq/scaling_governor"] = "powersave\n"
    found = read_fingerprint(write_machine(tmp_path, files))
    assert found.values["governor"] == "performance (0-2,10), powersave (3)"
    assert say_cpus([8, 0, 1, 2]) == "0-2,8"


def test_what_wanders_by_itself_is_no_part_of_it(tmp_path: Path) -> None:
    """Trials in two states are never pooled: free memory or used swap would leave every trial alone."""
    before = read_fingerprint(write_machine(tmp_path)).values
    moved = {
        "proc/meminfo": "MemTotal:       1000 kB\nMemFree: 900 kB\n",
        "proc/swaps": FILES["proc/swaps"].replace(" 17 ", " 900 "),
        "proc/loadavg": "9.0 9.0 9.0 1/1 1\n",
        f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1234567\n",
        "proc/cpuinfo": FILES["proc/cpuinfo"].replace("2000.000", "3499.123"),
    }
    after = read_fingerprint(write_machine(tmp_path, moved)).values
    assert {name for name in before if before[name] != after[name] and not name.startswith(_PASSING)} == set()


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
    write_machine(tmp_path, {f"{CPU}/{file}": text})
    assert read_fingerprint(tmp_path).values["turbo"] == turbo


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/cpuinfo": "flags : avx2\n"}, "none"),
        ({"proc/cpuinfo": "flags : avx2 hypervisor\n"}, "unnamed"),
        ({"proc/cpuinfo": "flags : hypervisor\n", "sys/class/dmi/id/sys_vendor": "Amazon EC2\n"}, "Amazon EC2"),
        ({"proc/cpuinfo": "flags : hypervisor\n", "sys/hypervisor/type": "xen\n"}, "xen"),
        ({"proc/cpuinfo": "Features : asimd\n"}, None),
        ({"proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, "linux,kvm"),
        ({}, None),
    ],
)
def test_a_hypervisor_is_known_by_the_processors_flag_and_named_by_the_firmware(
    tmp_path: Path, files: dict[str, str], name: str | None
) -> None:
    value, reason = read_hypervisor(write_machine(tmp_path, files))
    assert value == name
    assert bool(reason) == (name is None)


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"sys/fs/cgroup/cgroup.controllers": "cpu\n"}, "v2"),
        ({"sys/fs/cgroup/memory/tasks": "\n"}, "v1"),
        ({"sys/fs/cgroup/memory/tasks": "\n", "sys/fs/cgroup/unified/cgroup.controllers": "\n"}, "v1 (hybrid)"),
        ({}, None),
    ],
)
def test_the_version_of_control_groups_is_told_by_what_is_mounted(
    tmp_path: Path, files: dict[str, str], version: str | None
) -> None:
    value, reason = read_cgroup_version(write_machine(tmp_path, files))
    assert value == version
    assert bool(reason) == (version is None)


def test_this_machine_has_a_kernel_and_a_count_of_cpus() -> None:
    values = read_fingerprint().values
    assert values["kernel"]
    assert int(values["cpu_count"] or 0) > 0
