"""What can this host and its engine do, and what would spoil a measurement here?"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.builder.engine import check_builder
from orchestrator.engines.docker import DockerEngine
from orchestrator.engines.docker.state import read_state
from orchestrator.engines.local import LocalEngine
from orchestrator.errors import BenchError
from orchestrator.host.counters import read_counters
from orchestrator.host.fingerprint import read_fingerprint
from orchestrator.host.gpu import open_gpus
from orchestrator.host.site import read_config
from orchestrator.host.topology import read_topology
from orchestrator.runner.doctor import cpu, engine, load, places
from orchestrator.runner.doctor.finding import Finding, Level
from orchestrator.runner.folders import find_store

if TYPE_CHECKING:
    from orchestrator.host.fingerprint import Fingerprint
    from orchestrator.host.site import Config
    from orchestrator.nouns.site import Site

ENGINES = ("docker", "local")


def examine_host() -> list[Finding]:
    """Everything that was looked at, in groups. Takes about a second, changes nothing, runs nothing."""
    config, seen, cores = read_config(), read_fingerprint(), read_topology()
    cpus = [number for core in cores for number in core.cpus]
    before = read_counters(cpus)
    time.sleep(load.LOOK_S)  # before the engine is asked: its answer is work as well
    after = read_counters(cpus)
    return [
        *load.judge_load(before, after, cpus=cpus, load=os.getloadavg()[0], limits=config.limits),
        *_examine_engines(config.site),
        *cpu.judge_topology(cores),
        *cpu.judge_state(seen, nodes=len({core.node for core in cores})),
        _examine_gpu(seen),
        *_examine_places(config),
    ]


def can_run(findings: list[Finding]) -> bool:
    """Whether at least one engine answers."""
    return any(each.what in ENGINES and each.level is not Level.BAD for each in findings)


def _examine_engines(site: Site) -> list[Finding]:
    found, docker = [], DockerEngine()
    try:
        found.append(engine.judge_answer("docker", docker.check()))
        found += engine.judge_state(read_state(docker.client))
    except BenchError as error:
        advice = "start one, or go on with: bench matrix --engine local"
        found.append(Finding(Level.BAD, engine.GROUP, "docker", str(error), "only pip rows can be measured", advice))
    finally:
        docker.close()
    try:
        found.append(engine.judge_answer("local", LocalEngine(site).check()))
    except BenchError as error:
        advice = "run it on Linux, or with a container engine"
        found.append(Finding(Level.BAD, engine.GROUP, "local", str(error), "nothing runs without a container", advice))
    try:
        found.append(Finding(Level.OK, engine.GROUP, "builder", check_builder()))
    except BenchError as error:
        advice = "install the buildx plugin of docker (docker-buildx-plugin, or docker-buildx)"
        found.append(Finding(Level.BAD, engine.GROUP, "builder", str(error), "no image can be built", advice))
    return found


def _examine_gpu(seen: Fingerprint) -> Finding:
    driver = seen.values.get("gpu_driver")
    if driver is None:
        return Finding(Level.OK, cpu.CPUS, "GPU", "none: no NVIDIA driver is loaded")
    text = f"{seen.values.get('gpu_model') or 'not named'}, driver {driver}"
    source, reason = open_gpus()
    if source is None:
        means = "clocks, heat and other processes of a GPU cannot be seen"
        return Finding(Level.UNSEEN, cpu.CPUS, "GPU", f"{text}: {reason}", means, "pip install 'bench[gpu]'")
    source.close()
    return Finding(Level.OK, cpu.CPUS, "GPU", text)


def _examine_places(config: Config) -> list[Finding]:
    return [
        places.judge_memory(_read(Path("/proc/meminfo"))),
        places.judge_store(find_store(None), _read(Path("/proc/self/mounts"))),
        places.judge_disk(paths.cache_dir()),
        *places.judge_site(config),
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
