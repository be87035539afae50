"""Are the counters of both versions of control groups read in the same units?"""

from __future__ import annotations

from pathlib import Path

from orchestrator.engines.cgroup import Usage, find_cgroup

ID = "ab" * 32


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_version_1_counts_in_nanoseconds(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            f"cpuacct/docker/{ID}/cpuacct.usage": "1500000000\n",
            f"cpu/docker/{ID}/cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 7\n",
            f"memory/docker/{ID}/memory.max_usage_in_bytes": "4096\n",
            f"memory/docker/{ID}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        },
    )
    found = find_cgroup(ID, tmp_path)
    assert found is not None
    assert found.read() == Usage(cpu_s=1.5, peak_bytes=4096, throttled_periods=2, oom_kills=1)


def test_version_2_counts_in_microseconds(tmp_path: Path) -> None:
    folder = f"system.slice/docker-{ID}.scope"
    write(
        tmp_path,
        {
            f"{folder}/cgroup.procs": "1\n",
            f"{folder}/cpu.stat": "usage_usec 1500000\nnr_throttled 2\n",
            f"{folder}/memory.peak": "4096\n",
            f"{folder}/memory.events": "low 0\nmax 4\noom 1\noom_kill 1\n",
        },
    )
    found = find_cgroup(ID, tmp_path)
    assert found is not None
    assert found.read() == Usage(cpu_s=1.5, peak_bytes=4096, throttled_periods=2, oom_kills=1)


def test_before_linux_5_19_the_largest_current_use_stands_for_the_peak(tmp_path: Path) -> None:
    write(tmp_path, {f"docker/{ID}/cgroup.procs": "1", f"docker/{ID}/memory.current": "300"})
    found = find_cgroup(ID, tmp_path)
    assert found is not None
    peaks = []
    for current in ("300", "900", "100"):
        write(tmp_path, {f"docker/{ID}/memory.current": current})
        usage = found.read()
        assert usage is not None
        peaks.append(usage.peak_bytes)
    assert peaks == [300, 900, 900]


def test_a_container_of_another_machine_has_no_counters_here(tmp_path: Path) -> None:
    assert find_cgroup(ID, tmp_path) is None


def test_a_folder_that_vanished_gives_nothing_rather_than_zero(tmp_path: Path) -> None:
    (tmp_path / f"memory/docker/{ID}").mkdir(parents=True)
    found = find_cgroup(ID, tmp_path)
    assert found is not None
    assert found.read() is None
