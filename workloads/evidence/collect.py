"""What is the whole evidence of one process?"""

import platform

import numpy as np

from workloads.evidence import (
    arithmetic,
    capture,
    cpu,
    elsewhere,
    environment,
    libraries,
    maps,
    onednn,
    package,
    replay,
    security,
    symbols,
)


def collect(job, backend, step, *, counter, wall_s, denormals, program=None):
    """Evidence as a dict (see nouns Evidence), taken after the last sample; `step` is run once more for oneDNN.

    `denormals` is what arithmetic.denormals said before the first sample. Where a `program` computes (see
    workloads/program.py), all of it is that process's, which waits meanwhile.

    What cannot be read is null or empty, and `unavailable` says why; never a guess.
    """
    unavailable = {}
    pid = program.pid if program else "self"
    if program:
        symbols.ask_elsewhere(lambda path: elsewhere.Library(program, path))
    try:
        paths = maps.read_maps("/proc/{0}/maps".format(pid))
    except OSError as problem:
        paths = []
        unavailable["libraries"] = "/proc/{0}/maps: {1}".format(pid, problem)
    if backend.listens_at_start:
        backend.said, problem = replay.replay(job)
        if problem:
            unavailable["replay"] = problem
    found = {
        "python": platform.python_version() if program is None else "none: " + program.described["language"],
        "numpy": np.__version__ if program is None else "none",
        "framework": backend.name,
        "framework_version": backend.version(),
        "package": package.package(backend.module or backend.name),
        "build": backend.build_string(),
        "execution": execution(backend),
        "device": backend.placement(),
        "precision": backend.precision(),
        "libraries": libraries.describe(paths) + [static(entry) for entry in backend.static_libraries()],
        "threads": {
            "asked": job["threads"],
            "process": counter.process(),
            "busy": counter.busy(wall_s),
            "pools": backend.pools(),
        },
        "onednn": onednn.evidence(backend, step, paths, program.captured if program else capture.captured),
        "isa_used": backend.isa_used(),
        "arithmetic": arithmetic.describe(backend, denormals, program.described["denormals"] if program else None),
        "env": environment.steering(),
        "security": security.describe("/proc/{0}/status".format(pid)),
    }
    found.update(cpu.describe(program.pid if program else 0))
    for field in ("build", "cpu_model", "isa_used"):
        if not found[field]:
            unavailable[field] = "{0} does not say".format("/proc/cpuinfo" if field == "cpu_model" else backend.name)
    found["unavailable"] = unavailable
    return found


def execution(backend):
    """ExecutionEvidence from what the backend says of it."""
    seen = backend.execution_state()
    return seen and {"mode": seen[0], "how": seen[1]}


def static(entry):
    """A Library that is linked into another file, from what the backend says of it."""
    return {
        "kind": entry["kind"],
        "name": entry["name"],
        "path": entry.get("path", ""),
        "version": entry.get("version"),
        "core": entry.get("core"),
        "threads": entry.get("threads"),
        "threading": entry.get("threading"),
        "linked": "static",
        "how": entry.get("how", ""),
    }
