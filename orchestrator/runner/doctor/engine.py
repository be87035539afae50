"""Can this engine run trials, and would it let this tool see what they did?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.engines.cgroup import CGROUPS, find_cgroup
from orchestrator.runner.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.engines.docker.state import EngineState, Running

GROUP = "Engine"
SAFE_RUNC = (1, 1, 12)


def judge_answer(name: str, answer: str) -> Finding:
    """An engine that answers with its own line, in which it may warn of itself."""
    text, _, warning = answer.partition(" (warning: ")
    if not warning:
        return Finding(Level.OK, GROUP, name, answer)
    return Finding(Level.WARN, GROUP, name, text, warning.rstrip(")"), "upgrade it to 23.0 or newer")


def judge_state(state: EngineState, cgroups: Path = CGROUPS) -> list[Finding]:
    """Other containers, what can be seen of a container, and how it is kept in."""
    found = [_containers(state.running), _visibility(state, cgroups), _version(state), *_runc(state.runc)]
    if not state.seccomp:
        means = "trials with and without a filter are not comparable, and isolation cannot be proved"
        found.append(Finding(Level.WARN, GROUP, "seccomp", "no filter", means, "use an engine with seccomp"))
    if state.rootless:
        means = "a cpuset may be dropped without a word, unless it is delegated"
        advice = "systemctl --user edit: Delegate=cpu cpuset io memory pids"
        found.append(Finding(Level.WARN, GROUP, "rootless", "yes", means, advice))
    if not state.swap_limit:
        means = "a container could swap instead of ending for memory: every trial is invalid(claim:isolation)"
        found.append(Finding(Level.WARN, GROUP, "swap limit", "none", means, "boot with swapaccount=1"))
    return found


def _containers(running: Iterable[Running]) -> Finding:
    others = [each for each in running if not each.ours]
    own = [each for each in running if each.ours]
    if own:
        names = ", ".join(each.name for each in own)
        means = "another run measures, or one that died left it: bench reap removes those"
        return Finding(Level.WARN, GROUP, "containers", f"of this tool: {names}", means, "wait for it, or: bench reap")
    if not others:
        return Finding(Level.OK, GROUP, "containers", "none runs")
    names = ", ".join(f"{each.name} ({f'CPUs {each.cpus}' if each.cpus else 'any CPU'})" for each in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    pinned = [each.name for each in others if each.cpus]
    means = "a cpuset is not exclusive: they compute on the measured CPUs as well"
    advice = f"docker stop {' '.join(pinned or [each.name for each in others])}"
    return Finding(Level.WARN, GROUP, "containers", f"{names}{more}", means, advice)


def _visibility(state: EngineState, cgroups: Path) -> Finding:
    """Whether the counters of a container are where engines/cgroup.py looks for them."""
    what, means = "counters", "CPU time, memory and throttling of a trial stay unknown"
    if state.running:
        seen = [each for each in state.running if find_cgroup(each.id, cgroups) is not None]
        if seen:
            return Finding(Level.OK, GROUP, what, f"the control group of {seen[0].name} can be read")
        text = f"no control group of {state.running[0].name} under {cgroups}"
        return Finding(Level.WARN, GROUP, what, text, means, "use an engine of this machine, not rootless")
    if any((cgroups / name).is_dir() for name in ("memory/docker", "docker", "system.slice", "memory/system.slice")):
        return Finding(Level.OK, GROUP, what, "control groups are where they are looked for; no container runs to try")
    return Finding(Level.UNSEEN, GROUP, what, "no container runs, and no folder of the engine's is there", means)


def _version(state: EngineState) -> Finding:
    if state.cgroup == "2":
        return Finding(Level.OK, GROUP, "cgroup", "version 2")
    means = "a container's own waiting for CPUs is not counted: the whole machine's stands in"
    advice = "boot with systemd.unified_cgroup_hierarchy=1, where systemd runs"
    text = f"version {state.cgroup}" if state.cgroup else "no version given"
    return Finding(Level.UNSEEN, GROUP, "cgroup", text, means, advice)


def _runc(version: str | None) -> list[Finding]:
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", version or "")
    if match is None or tuple(map(int, match.groups())) >= SAFE_RUNC:
        return [Finding(Level.OK, GROUP, "runc", version)] if version else []
    means = "before 1.1.12 a hostile image can reach the host's files (CVE-2024-21626), unless it was patched since"
    return [Finding(Level.UNSEEN, GROUP, "runc", f"{version}", means, "upgrade it, or run images that you trust")]
