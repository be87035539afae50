"""Are the kernel's counters read in seconds, and is what it does not tell None rather than 0?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.host.counters import Clocks, parse_pressure, parse_stat, parse_swap, read_counters
from tests.unit.engines.test_cgroup import write

if TYPE_CHECKING:
    from pathlib import Path

STAT = """cpu  300 0 300 9000 0 0 0 50 0 0
cpu0 100 0 100 4000 7 3 4 20 0 0
cpu1 200 5 200 5000 0 0 0 30 11 0
intr 1 2 3
"""
CLOCKS = Clocks(1.0, 2.0, 3.0)


def test_a_cpus_time_is_everything_but_idle_and_stolen() -> None:
    found = parse_stat(STAT)
    assert found is not None
    assert found[0].busy_s == pytest.approx(2.07), "user, nice, system, irq, softirq; not idle, not iowait"
    assert found[1].busy_s == pytest.approx(4.05), "guests are in user already"
    assert found[1].steal_s == pytest.approx(0.30)
    assert parse_stat("") is None


def test_pressure_is_the_total_of_some_in_seconds() -> None:
    text = "some avg10=0.00 avg60=0.12 avg300=0.05 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n"
    assert parse_pressure(text) == 1.5
    assert parse_pressure("full total=9") is None


def test_swap_counts_both_directions() -> None:
    assert parse_swap("pgpgin 5\npswpin 3\npswpout 4\npswpfoo 9\n") == 7
    assert parse_swap("pgpgin 5\n") is None


def test_thermal_events_and_frequency_are_those_of_the_cpus_asked_for(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu/cpu"
    write(
        tmp_path,
        {
            "proc/stat": STAT,
            f"{cpu}1/thermal_throttle/core_throttle_count": "2\n",
            f"{cpu}1/thermal_throttle/package_throttle_count": "1\n",
            f"{cpu}0/thermal_throttle/core_throttle_count": "100\n",
            f"{cpu}1/cpufreq/scaling_cur_freq": "2400000\n",
            f"{cpu}0/cpufreq/scaling_cur_freq": "800000\n",
        },
    )
    found = read_counters((1,), root=tmp_path, read_time=lambda: CLOCKS)
    assert (found.thermal_events, found.frequency_khz, found.clocks) == (3, 2_400_000, CLOCKS)


def test_what_the_kernel_does_not_tell_is_none(tmp_path: Path) -> None:
    assert read_counters((0,), root=tmp_path, read_time=lambda: CLOCKS)[1:] == (None,) * 5
