"""Does the doctor see what would spoil a measurement, and say what to type against it?"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.engines.docker.state import EngineState, Running
from orchestrator.errors import NoEngineError
from orchestrator.host.counters import Clocks, Counters, CpuTime
from orchestrator.host.fingerprint import Fingerprint
from orchestrator.host.site import Config
from orchestrator.host.topology import Core
from orchestrator.nouns.limits import Limits
from orchestrator.nouns.site import Site
from orchestrator.runner import examine
from orchestrator.runner.doctor import cpu, engine, load, places
from orchestrator.runner.doctor.finding import Finding, Level
from orchestrator.screen.examining import show_findings, sort_groups, summarise

LIMITS = Limits()
CALM: dict[str, Any] = {"pressure_s": 5.0, "swapped_pages": 10, "thermal_events": 3, "frequency_khz": None}


def counters(at: float, *, busy: tuple[float, float] = (1, 1), steal: float = 0, **fields: Any) -> Counters:
    """Two CPUs that have been busy for so many seconds."""
    cpus = {0: CpuTime(busy[0], steal), 1: CpuTime(busy[1], steal)}
    return Counters(**({"clocks": Clocks(at, at, at), "cpus": cpus} | CALM | fields))


def look(load_average: float = 0.1, **after: Any) -> dict[str, Finding]:
    """What a second of looking came to, by name."""
    before = counters(100.0)
    found = load.judge_load(before, counters(101.0, **after), cpus=(0, 1), load=load_average, limits=LIMITS)
    return {each.what: each for each in found}


def test_a_quiet_machine_is_well() -> None:
    assert {each.level for each in look().values()} == {Level.OK}
    assert look(busy=(1.03, 1.03))["busy CPUs"].level is Level.OK, "the limit, and a tick: the kernel counts no finer"


@pytest.mark.parametrize(
    ("after", "what", "level", "words"),
    [
        ({"busy": (1, 1.97)}, "busy CPUs", Level.WARN, "CPU 1 97%"),
        ({"busy": (1.5, 2)}, "busy CPUs", Level.WARN, "CPU 0 50%, CPU 1 100%"),
        ({"load_average": 1.2}, "load", Level.WARN, "1.20"),
        ({"steal": 0.02}, "steal", Level.WARN, "2.0%"),
        ({"steal": 0.06}, "steal", Level.BAD, "6.0%"),
        ({"pressure_s": 5.5}, "waiting for CPUs", Level.WARN, "50%"),
        ({"thermal_events": 5}, "throttling", Level.WARN, "2 thermal events"),
        ({"swapped_pages": 11}, "swapping", Level.WARN, "1 pages"),
        ({"cpus": None}, "busy CPUs", Level.UNSEEN, "/proc/stat"),
        ({"cpus": None}, "steal", Level.UNSEEN, "/proc/stat"),
        ({"pressure_s": None}, "waiting for CPUs", Level.UNSEEN, "/proc/pressure/cpu"),
        ({"thermal_events": None}, "throttling", Level.UNSEEN, "no thermal events"),
        ({"swapped_pages": None}, "swapping", Level.UNSEEN, "/proc/vmstat"),
    ],
)
def test_each_disturbance_is_seen_by_itself(after: dict[str, Any], what: str, level: Level, words: str) -> None:
    found = look(**after)
    assert found[what].level is level
    assert words in found[what].found
    others = {each.level for name, each in found.items() if name != what and "cpus" not in after}
    assert others <= {Level.OK}


GOOD = {
    "governor": "performance",
    "turbo": "off",
    "aslr": "2",
    "clocksource": "tsc",
    "swap": "none",
    "frequency_lowest_khz": "3000000",
    "frequency_highest_khz": "3000000",
    "hypervisor": "none",
    "vulnerability.meltdown": "Not affected",
    "kernel": "6.1.0",
    "cpu_model": "Fast One",
    "microcode": "0x1",
    "numa_balancing": "0",
}


def state(changes: dict[str, Any] | None = None, *, nodes: int = 1) -> dict[str, Finding]:
    values: dict[str, str | None] = {**GOOD, **(changes or {})}
    reasons = {name: f"/{name}: No such file" for name, value in values.items() if value is None}
    return {each.what: each for each in cpu.judge_state(Fingerprint(values, reasons), nodes=nodes)}


def test_a_machine_as_one_wishes_it_is_well() -> None:
    assert {each.level for each in state().values()} == {Level.OK}


@pytest.mark.parametrize(
    ("changes", "what", "command"),
    [
        ({"governor": "powersave"}, "governor", "sudo cpupower frequency-set -g performance"),
        ({"turbo": "on"}, "turbo", "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"),
        (
            {"turbo": "on", "frequency_driver": "intel_pstate"},
            "turbo",
            "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",
        ),
        ({"aslr": "0"}, "aslr", "echo 2 | sudo tee /proc/sys/kernel/randomize_va_space"),
        (
            {"clocksource": "hpet"},
            "clocksource",
            "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource",
        ),
        ({"swap": "4096 KiB"}, "swap", "sudo swapoff -a"),
        ({"kernel": "5.15.0-91"}, "version", "boot with spec_store_bypass_disable=prctl, or use Linux 5.16 or newer"),
    ],
)
def test_each_setting_comes_with_the_command_that_changes_it(changes: dict[str, str], what: str, command: str) -> None:
    found = state(changes)[what]
    assert (found.level, found.advice) == (Level.WARN, command)
    assert found.means


@pytest.mark.parametrize("field", ["governor", "turbo", "aslr", "clocksource", "swap", "hypervisor"])
def test_a_setting_that_cannot_be_read_is_neither_well_nor_ill(field: str) -> None:
    assert state({field: None})[field].level is Level.UNSEEN


def test_what_a_hypervisor_means_is_said() -> None:
    found = state({"hypervisor": "QEMU"})["hypervisor"]
    assert (found.level, found.found) == (Level.UNSEEN, "QEMU")
    assert "steal" in found.means


def test_numa_balancing_matters_where_there_are_two_nodes() -> None:
    assert "NUMA balancing" not in state({"numa_balancing": "1"})
    assert state({"numa_balancing": "1"}, nodes=2)["NUMA balancing"].level is Level.WARN


def test_frequencies_and_mitigations_are_told_in_words() -> None:
    changed = state({"frequency_lowest_khz": "800000", "vulnerability.spectre_v2": "Mitigation: IBRS"})
    assert changed["frequency"].found == "from 800 MHz to 3000 MHz"
    assert changed["mitigations"].found == "1 of 2 vulnerabilities: spectre_v2"


def levels(cores: tuple[Core, ...]) -> dict[str, Level]:
    return {each.what: each.level for each in cpu.judge_topology(cores)}


def test_a_single_core_is_shared_with_this_tool() -> None:
    assert levels((Core((0, 1), (0, 1), 0),))["this tool"] is Level.WARN
    assert "this tool" not in levels((Core((0,), (0,), 0), Core((1,), (1,), 0)))


def test_half_a_core_is_told_of() -> None:
    assert levels((Core((0,), (0, 2), 0), Core((1, 3), (1, 3), 0)))["cpuset"] is Level.WARN


ID = "ab" * 32


def engine_state(**fields: Any) -> EngineState:
    defaults: dict[str, Any] = {
        "version": "26.1.5",
        "runc": "1.2.0",
        "cgroup": "2",
        "seccomp": True,
        "rootless": False,
        "swap_limit": True,
        "running": (),
    }
    return EngineState(**(defaults | fields))


def judged(root: Path, **fields: Any) -> dict[str, Finding]:
    return {each.what: each for each in engine.judge_state(engine_state(**fields), root)}


def test_a_modern_idle_engine_is_well(tmp_path: Path) -> None:
    (tmp_path / "system.slice").mkdir()
    assert {each.level for each in judged(tmp_path).values()} == {Level.OK}


@pytest.mark.parametrize(
    ("fields", "what", "level", "advice"),
    [
        ({"running": (Running(ID, "web", "0-1", ours=False),)}, "containers", Level.WARN, "docker stop web"),
        ({"running": (Running(ID, "web", "", ours=False),)}, "containers", Level.WARN, "docker stop web"),
        ({"running": (Running(ID, "t1", "1", ours=True),)}, "containers", Level.WARN, "wait for it, or: bench reap"),
        ({"cgroup": "1"}, "cgroup", Level.UNSEEN, "boot with systemd.unified_cgroup_hierarchy=1, where systemd runs"),
        ({"runc": "1.1.5+ds1"}, "runc", Level.UNSEEN, "upgrade it, or run images that you trust"),
        ({"seccomp": False}, "seccomp", Level.WARN, "use an engine with seccomp"),
        ({"rootless": True}, "rootless", Level.WARN, "systemctl --user edit: Delegate=cpu cpuset io memory pids"),
        ({"swap_limit": False}, "swap limit", Level.WARN, "boot with swapaccount=1"),
    ],
)
def test_each_property_of_an_engine_is_seen(
    tmp_path: Path, fields: dict[str, Any], what: str, level: Level, advice: str
) -> None:
    found = judged(tmp_path, **fields)[what]
    assert (found.level, found.advice) == (level, advice)


def test_of_pinned_and_free_containers_the_pinned_are_to_be_stopped(tmp_path: Path) -> None:
    both = (Running("cd" * 32, "free", "", ours=False), Running(ID, "pinned", "1", ours=False))
    found = judged(tmp_path, running=both)["containers"]
    assert found.found == "free (any CPU), pinned (CPUs 1)"
    assert found.advice == "docker stop pinned"


def test_whether_a_containers_counters_can_be_read_is_tried_on_one_that_runs(tmp_path: Path) -> None:
    running = (Running(ID, "web", "", ours=False),)
    assert judged(tmp_path, running=running)["counters"].level is Level.WARN
    (tmp_path / "memory/docker" / ID).mkdir(parents=True)
    assert judged(tmp_path, running=running)["counters"].level is Level.OK
    assert judged(tmp_path / "nowhere")["counters"].level is Level.UNSEEN


def test_an_engines_own_warning_becomes_the_doctors() -> None:
    old = engine.judge_answer("docker", "docker 20.10.24, overlay2, 2 CPUs (warning: older than 23.0: out of support)")
    assert (old.level, old.found) == (Level.WARN, "docker 20.10.24, overlay2, 2 CPUs")
    assert old.means == "older than 23.0: out of support"
    assert engine.judge_answer("docker", "docker 26.1.5, overlay2, 2 CPUs").level is Level.OK


@pytest.mark.parametrize(("free", "level"), [(9, Level.OK), (8, Level.OK), (7, Level.WARN)])
def test_memory_is_held_against_what_a_trial_may_take(free: int, level: Level) -> None:
    found = places.judge_memory(f"MemTotal: 1 kB\nMemAvailable: {free * 2**20} kB\n", needed=8 * 2**30)
    assert found.level is level
    assert places.judge_memory("").level is Level.UNSEEN


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/ann/fast\\040disk xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "level"),
    [
        ("/var/store", "ext4", Level.OK),
        ("/tmp/store", "tmpfs", Level.WARN),  # noqa: S108  (a name in a table)
        ("/home/ann/store", "nfs4", Level.WARN),
        ("/home/ann/fast disk/store", "xfs", Level.OK),
        ("/homes", "ext4", Level.OK),
    ],
)
def test_a_store_is_told_by_the_filesystem_that_it_lies_on(path: str, kind: str, level: Level) -> None:
    assert places.find_filesystem(Path(path), MOUNTS) == kind
    assert places.judge_store(Path(path), MOUNTS).level is level


def test_a_full_disk_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.judge_disk(tmp_path / "not/there/yet").level in {Level.OK, Level.WARN}
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=places.ROOM_BYTES - 1))
    assert places.judge_disk(tmp_path).level is Level.WARN


def test_the_sites_settings_are_checked_and_addresses_are_not_shown(tmp_path: Path) -> None:
    full, empty = tmp_path / "full", tmp_path / "empty"
    for folder in (full, empty):
        folder.mkdir()
    (full / "torch-1-py3-none-any.whl").touch()
    site = Site(
        wheel_folders=(full, empty, tmp_path / "missing"),
        index_url="https://user:hunter2@index.example/simple",
        certificate=tmp_path / "ca.pem",
    )
    found = places.judge_site(Config(site))
    assert [each.level for each in found if each.what == "wheels"] == [Level.OK, Level.WARN, Level.WARN]
    assert [each.level for each in found if each.what == "certificate"] == [Level.WARN]
    assert "hunter2" not in str(found)


def finding(level: Level, group: str, what: str = "thing") -> Finding:
    return Finding(level, group, what, "found", "means", f"type {what}")


def test_what_is_worst_comes_first_and_groups_stay_together() -> None:
    mixed = [
        finding(Level.OK, "A", "fine"),
        finding(Level.WARN, "A", "so so"),
        finding(Level.UNSEEN, "B"),
        finding(Level.OK, "C"),
        finding(Level.BAD, "C", "worst"),
    ]
    made = sort_groups(mixed)
    assert [name for name, _ in made] == ["C", "A", "B"]
    assert [each.what for each in made[1][1]] == ["so so", "fine"]


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ([], "Nothing that was looked at would spoil a measurement here; none cannot be seen."),
        ([Level.WARN], "1 thing would spoil a measurement here; none cannot be seen."),
        ([Level.BAD, Level.WARN, Level.UNSEEN], "2 things would spoil a measurement here; 1 cannot be seen."),
    ],
)
def test_the_last_line_counts(kinds: list[Level], text: str) -> None:
    assert summarise([finding(level, "A") for level in kinds]) == text


def test_the_screen_says_what_to_type_and_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [finding(Level.WARN, "A"), Finding(Level.OK, "B", "fine", "\x1b[2Jno [bold]markup[/bold]")]
    show_findings(findings, as_json=False)
    shown = capsys.readouterr().out
    assert "→ type thing" in shown
    assert "no [bold]markup[/bold]" in shown
    assert "\x1b" not in shown
    show_findings(findings, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["summary"] == summarise(findings)
    assert [each["advice"] for each in document["findings"]] == ["type thing", ""]


def test_the_whole_machine_is_looked_at_without_an_engine_and_every_warning_has_an_advice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "LOOK_S", 0.01)
    monkeypatch.setattr(examine, "check_builder", lambda: "buildx 0.13")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(examine, "read_config", lambda: Config(Site()))
    found = examine.examine_host()
    docker = next(each for each in found if each.what == "docker")
    assert (docker.level, docker.advice) == (Level.BAD, "start one, or go on with: bench matrix --engine local")
    assert examine.can_run(found), "the local engine is left"
    assert all(each.advice for each in found if each.level in {Level.BAD, Level.WARN})
    names = [(each.group, each.what) for each in found]
    assert len(names) == len(set(names))
    assert {each.group for each in found} == {"Right now", "Engine", "CPUs", "Kernel", "Places"}


def test_the_command_fails_where_nothing_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.cli.measure import doctor

    dead = [Finding(Level.BAD, "Engine", name, "gone") for name in ("docker", "local")]
    monkeypatch.setattr(examine, "examine_host", lambda: dead)
    with pytest.raises(NoEngineError, match="nothing can run here"):
        doctor(as_json=True)


def test_a_gpu_that_cannot_be_watched_comes_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Fingerprint({"gpu_driver": "570.1", "gpu_model": "NVIDIA H200"}, {})
    monkeypatch.setattr(examine, "open_gpus", lambda: (None, "no binding of NVML"))
    found = examine._examine_gpu(driver)
    assert (found.level, found.advice) == (Level.UNSEEN, "pip install 'bench[gpu]'")
    assert examine._examine_gpu(Fingerprint({"gpu_driver": None}, {})).level is Level.OK
