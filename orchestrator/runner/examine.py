"""What can this host and its engine do, and what would spoil a measurement here?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from orchestrator import paths
from orchestrator.builder.engine import check_builder
from orchestrator.engines.choose import make_engine
from orchestrator.errors import BenchError
from orchestrator.host.fingerprint import read_fingerprint
from orchestrator.host.site import read_config
from orchestrator.host.topology import read_topology
from orchestrator.runner.folders import find_store

BUSY_LOAD = 0.3
ROOM_BYTES = 20 * 10**9


class Finding(NamedTuple):
    """One thing that was looked at. `level` is `ok`, `warn`, `bad`, or `?` where it cannot be seen from here."""

    level: str
    what: str
    found: str
    advice: str = ""


def examine_host() -> list[Finding]:
    """Engine first, then what the machine does to a measurement. Changes nothing, runs nothing."""
    return [*_examine_engines(), *_examine_cpu(), *_examine_kernel(), *_examine_places()]


def _examine_engines() -> list[Finding]:
    site = read_config().site
    findings = []
    for name, advice in (("docker", "start one, or go on with --engine local"), ("local", "")):
        engine = make_engine(name, site)
        try:
            findings.append(Finding("ok", f"engine {name}", engine.check()))
        except BenchError as error:
            findings.append(Finding("bad", f"engine {name}", str(error), advice))
        finally:
            engine.close()
    try:
        findings.append(Finding("ok", "builder", check_builder()))
    except BenchError as error:
        findings.append(Finding("bad", "builder", str(error), "install the buildx plugin of docker"))
    return findings


def _examine_cpu() -> list[Finding]:
    cores = read_topology()
    cpus = sorted(cpu for core in cores for cpu in core.cpus)
    shared = any(len(core.siblings) > 1 for core in cores)
    findings = [
        Finding("ok", "CPUs", f"{len(cpus)} on {len(cores)} cores, {len({core.node for core in cores})} NUMA nodes"),
        Finding("warn", "SMT", "on", "a trial takes whole cores; its siblings stay idle")
        if shared
        else Finding("ok", "SMT", "off, or not shown"),
    ]
    if len(cores) < 2:
        findings.append(Finding("warn", "orchestrator", "shares the only core with the trials", "use a larger machine"))
    load = os.getloadavg()[0]
    busy = load > BUSY_LOAD * len(cpus)
    advice = "wait, or stop what computes here" if busy else ""
    findings.append(Finding("warn" if busy else "ok", "load", f"{load:.2f} in the last minute", advice))
    return findings


def _examine_kernel() -> list[Finding]:
    seen = read_fingerprint()
    wanted = {
        "governor": ({"performance"}, "cpupower frequency-set -g performance"),
        "turbo": ({"off", "disabled", "0"}, "turn it off, or expect the first trials to be faster"),
        "aslr": ({"2"}, "leave it on: layouts are sampled, not frozen"),
        "clocksource": ({"tsc"}, "boot with clocksource=tsc"),
    }
    findings = []
    for name, value in sorted(seen.values.items()):
        if name in {"cpu_flags"}:
            continue
        if value is None:
            findings.append(Finding("?", name, seen.reasons.get(name, "not known")))
            continue
        good, advice = wanted.get(name, (set(), ""))
        fine = not good or value in good
        findings.append(Finding("ok" if fine else "warn", name, value[:120], "" if fine else advice))
    return findings


def _examine_places() -> list[Finding]:
    store = find_store(None)
    config = read_config(pip={}).path
    findings = [
        Finding("ok", "store", str(store) if store.exists() else f"{store} (made by the first run)"),
        Finding("ok", "configuration", str(config) if config else "none; pip's own is used for indexes and wheels"),
    ]
    cache = paths.cache_dir()
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    low = free < ROOM_BYTES
    advice = "the CPU catalogue needs about 20 GB" if low else ""
    findings.append(Finding("warn" if low else "ok", "disk", f"{free / 1e9:.0f} GB free at {place}", advice))
    swap = Path("/proc/swaps")
    if swap.exists() and len(swap.read_text().splitlines()) > 1:
        findings.append(Finding("warn", "swap", "on", "containers never swap; a virtual environment may: swapoff -a"))
    return findings
