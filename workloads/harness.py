"""How does a job become a reply: build, verify, time, prove?"""

import importlib
import json
import sys
import time
import traceback

from workloads import gradient, handshake, reply, timing, verify, weights
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
    backend.configure()
    phases.mark("import")

    made = weights.make_weights(network, job["seed"])
    inputs = weights.make_inputs(network, job["batch"], job["seed"])
    phases.mark("weights")

    answer["parameters"] = weights.parameters(made)
    verify.check_parameters(answer["parameters"], network)
    nodes = [Node(data) for data in network["nodes"]]
    build(job, backend, nodes, made)
    del made  # a framework that copied them does not need them twice in the memory limit
    phases.mark("build")

    step = make_step(backend, inputs, job["region"])
    backend.load(inputs)
    clock = time.perf_counter
    start = clock()
    outputs = step()
    answer["first_s"] = clock() - start
    phases.mark("first")

    check(complete(job, backend, outputs), job["expected"], answer)
    phases.mark("verify")
    time_and_prove(job, backend, step, answer, phases)
    if job["mode"] == "peak" and job["device"] == "cpu":  # the memory copied is the host's
        from workloads import bandwidth  # noqa: PLC0415

        answer["bandwidth"] = bandwidth.measure(job["threads"])
        phases.mark("bandwidth")


def check_supported(job):
    """Raise Unsupported for what no backend of this harness can do."""
    if job["mode"] not in ("infer", "peak", "gradient"):
        raise Unsupported("mode {0!r}: this harness has infer, peak and gradient".format(job["mode"]))
    others = sorted({node["op"] for node in job["network"]["nodes"]} - {"MatMul", "Gemm"})
    if job["mode"] == "peak" and others:
        raise Unsupported(
            "mode 'peak' is for matrix products alone; {0} has {1} too".format(
                job["network"]["name"], ", ".join(others)
            )
        )
    if job["dtype"] != "float32":
        raise Unsupported("dtype {0!r}: this harness has float32".format(job["dtype"]))
    if job["batch"] != 1 and not job["network"].get("batched", True):
        raise Unsupported("batch {0}: {1} has no batch dimension".format(job["batch"], job["network"]["name"]))


def build(job, backend, nodes, made):
    """Make the step ready that the job's mode asks for."""
    network, shapes = job["network"], weights.input_shapes(job["network"], job["batch"])
    if job["mode"] != "gradient":
        backend.build(nodes, made, shapes, list(network["outputs"]))
        return
    if not backend.differentiates:
        raise Unsupported("mode 'gradient': {0} computes no gradients here".format(backend.name))
    nodes = gradient.needed(nodes, network["compared"])
    missing = [node for node in nodes if node.op not in gradient.RULES]
    if missing:
        raise Unsupported("mode 'gradient': no rule for {0} ({1})".format(missing[0].op, missing[0].name))
    labels = weights.make_labels(gradient.classes(nodes[-1]), job["batch"], job["seed"])
    backend.build_gradient(nodes, made, shapes, network["compared"], labels)


def complete(job, backend, outputs):
    """What the last step gave, and the gradients that it left in the framework."""
    return dict(outputs, **backend.gradients()) if job["mode"] == "gradient" else outputs


def make_step(backend, inputs, region):
    """The function whose time is taken: `compute` computes and fetches, `end_to_end` loads the inputs too."""

    def compute():
        backend.step()
        return backend.fetch()

    def end_to_end():
        backend.load(inputs)
        backend.step()
        return backend.fetch()

    return {"compute": compute, "end_to_end": end_to_end}[region]


def check(outputs, expected, answer):
    """Compare, and write down what was found before it is judged; keeps the worse of two checks."""
    values = verify.sampled(outputs, expected)
    found = verify.errors(values, expected)
    if all(error < verify.INFINITE for error in found.values()):
        answer["outputs"] = {name: values[name].tolist() for name in values}
    earlier = answer.get("errors", {})
    answer["errors"] = {name: max(error, earlier.get(name, 0.0)) for name, error in found.items()}
    verify.check_errors(found, expected)


def time_and_prove(job, backend, step, answer, phases):
    """Samples, the check of the last step's output, and the evidence of what ran."""
    from workloads.evidence import arithmetic, collect, memory, threads  # noqa: PLC0415  (kept out of a start that may fail before)

    counter = threads.Counter()
    denormals = arithmetic.denormals()
    handshake.meet("ready")
    measured = timing.measure(step, job, around=counter.mark)
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
        job, backend, step, counter=counter, wall_s=measured.wall_s, denormals=denormals
    )
    phases.mark("evidence")
    check(
        complete(job, backend, step()), job["expected"], answer
    )  # a step that got fast by computing nothing any more is wrong, too
    phases.mark("verify_again")
