"""How does a job become a reply: build, verify, time, prove?"""

import importlib
import json
import sys
import time
import traceback

from workloads import allocator, handshake, modes, program, reply, timing, verify, weights
from workloads.backends.base import Node, Unsupported


class Phases(object):
    """Seconds between one mark and the next, by the name of what ended there."""

    def __init__(self, clock=time.perf_counter):
        self.clock = clock
        self.last = clock()
        self.seconds = {}

    def mark(self, name):
        """What ran since the last mark was `name`."""
        now = self.clock()
        self.seconds[name] = now - self.last
        self.last = now


def run(job_path, reply_path):
    """Read the job, run it, write the reply; whatever goes wrong becomes the reply's status and reason."""
    phases = Phases()
    answer = reply.failure("error", "")
    try:
        with open(job_path, encoding="utf-8") as file:
            job = json.load(file)
        execute(job, answer, phases)
        answer["status"] = "ok"
    except Unsupported as problem:
        answer.update(status="unsupported", reason=str(problem))
    except verify.Wrong as problem:
        answer.update(status="wrong", reason=str(problem))
    except Exception as problem:  # noqa: BLE001  (a trial that fails is a value)
        answer.update(status="error", reason=short_reason(problem))
        traceback.print_exc()  # for the log that the host keeps; the reason above is what it shows
    answer["phases_s"] = phases.seconds
    reply.write(reply_path, answer)


def short_reason(problem):
    """`ValueError: ... (numpy_blas.py:88)`: what, and in which of our files or the framework's."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    where = " ({0}:{1})".format(frames[-1][0].rsplit("/", 1)[-1], frames[-1][1]) if frames else ""
    return "{0}: {1}{2}".format(type(problem).__name__, str(problem)[:800], where)


def execute(job, answer, phases):
    """Fill `answer` stage by stage, so that what was found before a failure is kept."""
    network = job["network"]
    check_supported(job)
    backend = importlib.import_module("workloads.backends." + job["backend"]).Backend(
        job["threads"], job["execution"], job["onednn"], job["device"]
    )
    backend.compute_in(job["dtype"])
    backend.configure()
    phases.mark("import")
    if backend.is_program:
        program.execute(job, backend, answer, phases)
        return

    mode = modes.make(job, backend)
    made = weights.make_weights(network, job["seed"])
    phases.mark("weights")

    answer["parameters"] = weights.parameters(made)
    verify.check_parameters(answer["parameters"], network)
    mode.build([Node(data) for data in network["nodes"]], made)
    del made  # a framework that copied them does not need them twice in the memory limit
    allocator.settle()
    phases.mark("build")

    mode.load()
    clock = time.perf_counter
    start = clock()
    outputs = mode.step()
    answer["first_s"] = clock() - start
    phases.mark("first")

    late = [name for name in mode.late if name in job["expected"]]
    check(mode.first(outputs), {name: job["expected"][name] for name in job["expected"] if name not in late}, answer)
    phases.mark("verify")
    if late:
        check(mode.learn(), {name: job["expected"][name] for name in late}, answer)
        phases.mark("learn")
    time_and_prove(job, backend, mode, answer, phases)
    if job["mode"] == "peak" and job["device"] == "cpu":  # the memory copied is the host's
        from workloads import bandwidth  # noqa: PLC0415

        answer["bandwidth"] = bandwidth.measure(job["threads"])
        phases.mark("bandwidth")


def check_supported(job):
    """Raise Unsupported for what no backend of this harness can do."""
    if job["mode"] not in modes.MODES:
        known = ", ".join(sorted(modes.MODES))
        raise Unsupported("mode {0!r}: this harness has {1}".format(job["mode"], known))
    if job["dtype"] != "float32" and job["mode"] != "infer":
        raise Unsupported("dtype {0!r} in mode {1!r}: only inference has it".format(job["dtype"], job["mode"]))
    if job["batch"] != 1 and not job["network"].get("batched", True):
        raise Unsupported("batch {0}: {1} has no batch dimension".format(job["batch"], job["network"]["name"]))


def check(outputs, expected, answer):
    """Compare, and write down what was found before it is judged; keeps the worse of two checks."""
    values = verify.sampled(outputs, expected)
    found = verify.errors(values, expected)
    if all(error < verify.INFINITE for error in found.values()):
        answer.setdefault("outputs", {}).update((name, values[name].tolist()) for name in values)
    worst = answer.setdefault("errors", {})
    worst.update((name, max(error, worst.get(name, 0.0))) for name, error in found.items())
    verify.check_errors(found, expected)


def time_and_prove(job, backend, mode, answer, phases):
    """Samples, the evidence of what ran, and the check of a last step."""
    from workloads.evidence import arithmetic, collect, memory, threads  # noqa: PLC0415  (kept out of a start that may fail before)

    counter = threads.Counter()
    denormals = arithmetic.denormals()
    handshake.meet("ready")
    measured = timing.measure(mode.step, job, around=counter.mark)
    handshake.meet("done")
    answer.update(
        warmup_s=measured.warmup_s,
        samples_s=measured.samples_s,
        loops=measured.loops,
        wall_s=measured.wall_s,
        cpu_s=measured.cpu_s,
        peak_rss_bytes=memory.peak_rss_bytes(),
    )
    phases.mark("time")
    answer["evidence"] = collect.collect(
        job, backend, mode.step, counter=counter, wall_s=measured.wall_s, denormals=denormals
    )
    phases.mark("evidence")
    outputs = mode.again()
    if outputs:
        check(outputs, job["expected"], answer)
    phases.mark("verify_again")
