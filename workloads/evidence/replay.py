"""What do libraries print of one step that listen to their environment only when a process begins?

MKL and oneDNN tell every call once a variable says so. Where a framework has linked them into a file of its own that
hides their switches, the same job is run again in a child process that has the variables: untimed, after the samples.
"""

import ctypes
import importlib
import json
import os
import subprocess
import sys

VARIABLES = {
    "MKL_VERBOSE": "1",
    "MKLDNN_VERBOSE": "1",
    "DNNL_VERBOSE": "1",
    "ONEDNN_VERBOSE": "1",
}
MARK = b"bench: one step\n"
STEPS_BEFORE = 3
"""The first ones pack weights, choose kernels and profile; what they print is not what a step does."""
TIMEOUT_S = 120


def replay(job):
    """(what was printed during one step, "") or ("", why nothing is known)."""
    child = subprocess.Popen(
        [sys.executable, "-m", "workloads.evidence.replay"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ, **VARIABLES),
    )
    try:
        out, _ = child.communicate(json.dumps(job).encode("utf-8"), timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return "", "the step that was to print its calls took more than {0} s".format(TIMEOUT_S)
    printed, found, step = out.rpartition(MARK)
    if child.returncode or not found:
        return "", "the step that was to print its calls failed with exit code {0}".format(child.returncode)
    return (heading(printed) + step).decode("utf-8", "replace"), ""


def heading(printed):
    """The lines that a library prints of itself before its first call."""
    lines = [
        line
        for line in printed.splitlines(keepends=True)
        if line.startswith((b"MKL_VERBOSE Intel", b"MKL_VERBOSE oneMKL"))
    ]
    return b"".join(lines[:1])


def main():
    """Run the job on standard input up to one step more than it takes to settle."""
    from workloads import modes, weights  # noqa: PLC0415
    from workloads.backends.base import Node  # noqa: PLC0415

    job = json.load(sys.stdin)
    network = job["network"]
    module = importlib.import_module("workloads.backends." + job["backend"])
    backend = module.Backend(job["threads"], job["execution"], job["onednn"])
    backend.compute_in(job["dtype"])
    backend.configure()
    made = weights.make_weights(network, job["seed"])
    nodes = [Node(data) for data in network["nodes"]]
    mode = modes.make(job, backend)
    mode.build(nodes, made)
    del made
    mode.load()
    for _ in range(STEPS_BEFORE):
        mode.step()
    ctypes.CDLL(None).fflush(None)
    os.write(1, MARK)
    mode.step()


if __name__ == "__main__":
    main()
