"""What should a reader know of a record all the same, although it keeps the promises of its label?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.claims import same_core
from orchestrator.analysis.findings import Finding
from orchestrator.analysis.kernels import is_poor
from orchestrator.store.facts import product_libraries

if TYPE_CHECKING:
    from orchestrator.nouns.job import Evidence
    from orchestrator.nouns.record import Record

UNFORCED_KERNEL = (5, 16)
"""Linux 5.16 changed the default of spec_store_bypass_disable from `seccomp` to `prctl`: before, code behind a seccomp
filter, as in every container, could take up to twice as long."""


def list_cautions(record: Record, evidence: Evidence) -> list[Finding]:
    """Flags: two OpenMP runtimes, a poor choice of kernels, mitigations that come with the container, mixed cores."""
    return [
        *_runtimes(evidence),
        *_mkl_on_amd(record, evidence),
        *_poor_cores(record, evidence),
        *_forced_mitigation(record, evidence),
        *_mixed_cpus(record.provenance.cpu_shape),
    ]


def _runtimes(evidence: Evidence) -> list[Finding]:
    runtimes = {each.path: each.name for each in evidence.libraries if each.kind == "openmp"}
    if len(runtimes) < 2:
        return []
    return [Finding("two-openmp", f"{len(runtimes)} OpenMP runtimes are mapped: {', '.join(sorted(runtimes))}")]


def _mkl_on_amd(record: Record, evidence: Evidence) -> list[Finding]:
    own = product_libraries(record.variant, evidence)
    if "amd" not in evidence.cpu_model.lower() or not any(each.name == "mkl" for each in own):
        return []
    kernels = sorted(
        f"lib{each.name.removeprefix('lib')}"
        for each in evidence.libraries
        if each.kind == "blas-kernel" and "vml" not in each.name
    )
    path = f"runs {', '.join(kernels)}" if kernels else "does not show its code path"
    return [Finding("mkl-on-amd", f"MKL on this AMD CPU {path}")]


def _poor_cores(record: Record, evidence: Evidence) -> list[Finding]:
    found = []
    for library in product_libraries(record.variant, evidence):
        core = library.core or ""
        if not is_poor(core, evidence.isa) or same_core(core, record.variant.core):
            continue
        # ATLAS is tuned where it is built; the others look at the CPU that they run on.
        text = f"takes this CPU for {core!r} and runs kernels made for that"
        if library.name == "atlas":
            text = f"was built with {core!r} kernels, which leave this CPU's wider vectors alone"
        found.append(Finding("poor-core", f"{library.name} {text}"))
    return found


def _forced_mitigation(record: Record, evidence: Evidence) -> list[Finding]:
    state = evidence.security.get("Speculation_Store_Bypass", "")
    version = re.match(r"(\d+)\.(\d+)", record.provenance.host.get("kernel") or "")
    if "force mitigated" not in state or not version or tuple(map(int, version.groups())) >= UNFORCED_KERNEL:
        return []
    text = f"Linux {version[0]} slows code behind a seccomp filter (Speculation_Store_Bypass: {state})"
    return [
        Finding("forced-mitigation", f"{text}; boot with spec_store_bypass_disable=prctl, or use Linux 5.16 or newer")
    ]


def _mixed_cpus(shape: str) -> list[Finding]:
    """`6 cpus on 4 cores of 2 nodes (mixed kinds)` -> what of it no single number describes."""
    counts = re.match(r"(\d+) cpus on (\d+) cores of (\d+) nodes", shape)
    if counts is None:
        return []
    cpus, cores, nodes = (int(count) for count in counts.groups())
    found = []
    if nodes > 1:
        found.append(Finding("two-nodes", f"its CPUs lie on {nodes} NUMA nodes: a part of its memory is farther away"))
    if "mixed kinds" in shape:
        found.append(Finding("mixed-cores", "performance and efficiency cores: the slow ones hold the others up"))
    if "efficiency cores" in shape:
        found.append(Finding("efficiency-cores", "efficiency cores of a hybrid CPU: there are too few others"))
    if "siblings of others" in shape:
        found.append(Finding("open-siblings", "hardware threads beside the measured ones belong to others"))
    if cpus > cores:
        found.append(Finding("shared-cores", f"{cpus} threads on {cores} cores: siblings share their units"))
    return found
