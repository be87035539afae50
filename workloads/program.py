"""How does a program outside Python answer a job? It computes, times and tells; here it is asked, checked and proved.

The program is a process of its own: it makes the handshake with the host itself, and while it is timed this process
waits for its answer and does nothing. Requests and answers are JSON, one object a line, over two pipes whose numbers
are its arguments (images/programs/harness.h).
"""

import json
import os
import subprocess
import tempfile

import numpy as np

from workloads import weights
from workloads.backends.base import Unsupported

PATH = "/usr/local/bin/bench-program"


class Program(object):
    """The process that computes. Its standard input is this process's, where the host's byte comes."""

    def __init__(self, path):
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        try:
            self.process = subprocess.Popen([path, str(requests), str(answers)], pass_fds=(requests, answers))
        finally:
            os.close(requests)
            os.close(answers)
        self.pid = self.process.pid
        self.described = {}  # what it says of itself after the samples
        self.requests = os.fdopen(self._requests, "w")
        self.answers = os.fdopen(self._answers, "r")

    def ask(self, what, **details):
        """The answer as a dict. Raises Unsupported, or RuntimeError for an error and for a program that has died."""
        try:
            self.requests.write(json.dumps(dict(details, do=what)) + "\n")
            self.requests.flush()
            line = self.answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError("the program ended with {0} when asked to {1}".format(self.process.wait(), what))
        answer = json.loads(line)
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        if "error" in answer:
            raise RuntimeError("the program cannot {0}: {1}".format(what, answer["error"]))
        return answer

    def build(self, job, files):
        """Have the network made ready; returns how many parameters the program made or was given."""
        said = {key: job[key] for key in job if key != "expected"}
        inputs = weights.input_shapes(job["network"], job["batch"])
        said.update(shapes=step_shapes(job), inputs={name: list(shape) for name, shape in inputs.items()}, files=files)
        return self.ask("build", job=said)["parameters"]

    def outputs(self):
        """Output -> flat float32 array of the last step."""
        with tempfile.TemporaryDirectory() as folder:
            files = self.ask("outputs", folder=folder)["outputs"]
            return {name: np.fromfile(files[name], np.float32) for name in files}

    def captured(self, function):
        """What it prints on standard output during `function()`, which asks it for something."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "printed")
            self.ask("capture", to=path)
            try:
                function()
            finally:
                self.ask("release")
            with open(path, errors="replace") as file:
                return file.read()

    def close(self):
        """The end of the requests is the end of the program."""
        for pipe in (self.requests, self.answers):
            try:
                pipe.close()
            except OSError:
                pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def step_shapes(job):
    """Input name -> shape of what the framework is given at once: one sample in mode `single`."""
    batch = 1 if job["mode"] == "single" else job["batch"]
    return {name: list(shape) for name, shape in weights.input_shapes(job["network"], batch).items()}


def execute(job, backend, answer, phases):
    """Fill `answer` as harness.execute does."""
    from workloads import harness, verify  # noqa: PLC0415  (which imports this)

    if job["mode"] not in ("infer", "single"):
        raise Unsupported("mode {0!r}: a program has infer, single".format(job["mode"]))
    if job["network"].get("integers"):
        raise Unsupported("integer inputs: a program has float32")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        files = backend.export(job, folder)
        phases.mark("export")
        program = Program(PATH)
        try:
            answer["parameters"] = program.build(job, files)
            verify.check_parameters(answer["parameters"], job["network"])
            phases.mark("build")
            answer["first_s"] = program.ask("step")["seconds"]
            phases.mark("first")
            harness.check(program.outputs(), job["expected"], answer)
            phases.mark("verify")
            _time_and_prove(job, backend, program, answer, phases)
            program.ask("step")
            harness.check(program.outputs(), job["expected"], answer)
            phases.mark("verify_again")
        finally:
            program.close()


def _time_and_prove(job, backend, program, answer, phases):
    from workloads.evidence import collect, memory, threads  # noqa: PLC0415  (kept out of a start that may fail before)

    measured = program.ask("measure")
    answer.update({key: measured[key] for key in ("warmup_s", "samples_s", "loops", "wall_s", "cpu_s")})
    answer["peak_rss_bytes"] = memory.peak_rss_bytes("/proc/{0}/status".format(program.pid))
    phases.mark("time")
    counter = threads.Counter()
    counter.at = {name: _seconds(clocks) for name, clocks in measured["threads"].items()}
    program.described = program.ask("describe")
    backend.program = program
    answer["evidence"] = collect.collect(
        job,
        backend,
        lambda: program.ask("step"),
        counter=counter,
        wall_s=measured["wall_s"],
        denormals=measured["denormals"],
        program=program,
    )
    phases.mark("evidence")


def _seconds(clocks):
    """Thread id -> (seconds on a CPU, seconds waiting for one) of nanoseconds."""
    return {task: (ran / 1e9, waited / 1e9) for task, (ran, waited) in clocks.items()}
