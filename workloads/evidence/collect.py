"""What is the whole evidence of one process?"""

import platform

import numpy as np

from workloads.evidence import arithmetic, cpu, environment, libraries, maps, onednn, package, replay, security


def collect(job, backend, step, *, counter, wall_s, denormals):
    """Evidence as a dict (see nouns Evidence), taken after the last sample; `step` is run once more for oneDNN.

    `denormals` is what arithmetic.denormals said before the first sample.

    What cannot be read is null or empty, and `unavailable` says why; never a guess.
    """
    unavailable = {}
    try:
        paths = maps.read_maps()
    except OSError as problem:
        paths = []
        unavailable["libraries"] = "/proc/self/maps: {0}".format(problem)
    if backend.listens_at_start:
        backend.said, problem = replay.replay(job)
        if problem:
            unavailable["replay"] = problem
    found = {
        "python": platform.python_version(),
        "numpy": np.__version__,
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
        "onednn": onednn.evidence(backend, step, paths),
        "isa_used": backend.isa_used(),
        "arithmetic": arithmetic.describe(backend, denormals),
        "env": environment.steering(),
        "security": security.describe(),
    }
    found.update(cpu.describe())
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
