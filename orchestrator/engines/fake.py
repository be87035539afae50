"""What would a run look like that takes no time? The whole flow, from plan to report, without a process.

Part of the product: a script decides each outcome, and the default answers as a quiet machine would.
"""

from __future__ import annotations

import hashlib
import math
import random
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from orchestrator.nouns.conditions import Conditions
from orchestrator.nouns.job import (
    REPLY_SCHEMA,
    Bandwidth,
    Evidence,
    ExecutionEvidence,
    Job,
    Library,
    OneDnnEvidence,
    Reply,
    Threads,
)
from orchestrator.nouns.launch import End, Observed, Outcome, Rejected
from orchestrator.nouns.variant import AUTOGRAD, Blas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.nouns.image import Image
    from orchestrator.nouns.launch import Launch
    from orchestrator.nouns.variant import Variant

    Script = Callable[[Launch, "Variant | None"], Outcome]

MOST_SAMPLES = 1000
SPREAD = 0.01
"""Standard deviation of the logarithm of a sample."""
COMPILED_IN = {Blas.EIGEN, Blas.XLA, Blas.MLAS, Blas.ONEDNN}
"""No shared library carries these."""


class FakeEngine:
    """Deterministic: equal launches give equal outcomes."""

    name = "fake"

    def __init__(self, script: Script | None = None, *, failures: Mapping[str, End | str] | None = None) -> None:
        """`failures`: glob over a launch's name -> how it ends: an End, or a status of the reply (`wrong`, ...).

        `script` replaces the whole answer; it gets the launch, and the variant that its image was prepared for.
        """
        self._script = script
        self._failures = dict(failures or {})
        self._variants: dict[str, Variant] = {}
        self._interrupted = False
        self.launches: list[Launch] = []
        """Everything that was run, in order."""

    def check(self) -> str:
        """Always there."""
        return "fake (no process at all)"

    def refuse(self, _variant: Variant) -> str:
        """Nothing is beyond a pretence."""
        return ""

    def prepare(self, variant: Variant, image: Image) -> str:
        """A reference that remembers the variant."""
        reference = f"fake:{variant.id}:{image.digest[:12]}"
        self._variants[reference] = variant
        return reference

    def interrupt(self) -> None:
        """Every later run comes back as INTERRUPTED."""
        self._interrupted = True

    def close(self) -> None:
        """Nothing to let go of."""

    def run(self, launch: Launch) -> Outcome:
        """The script's answer, or that of a quiet machine."""
        self.launches.append(launch)
        if self._interrupted:
            return fail(launch, End.INTERRUPTED)
        variant = self._variants.get(launch.image)
        if self._script is not None:
            return self._script(launch, variant)
        failure = next((end for name, end in self._failures.items() if fnmatchcase(launch.name, name)), None)
        if isinstance(failure, End):
            return fail(launch, failure)
        return answer(launch, make_reply(launch, variant, status=failure or "ok"))


def answer(launch: Launch, reply: Reply) -> Outcome:
    """The outcome of a process that left this reply."""
    path = next(iter(launch.results))
    timed_s = math.fsum(reply.samples_s) * reply.loops + math.fsum(reply.warmup_s) + (reply.first_s or 0.0)
    quiet = Conditions(
        window_s=timed_s * 1.01,
        busy_s=(reply.cpu_s or 0.0) * 1.01,
        own_s=(reply.cpu_s or 0.0) * 1.01,
        foreign_s=0.0,
        steal_s=0.0,
        throttled_periods=0,
        clock_drift_s=0.0,
        unavailable={"migrations": "there is no process"},
    )
    observed = _observe(launch, wall_s=1.0 + timed_s).model_copy(update={"conditions": quiet})
    return Outcome(end=End.OK, files={path: reply.model_dump_json().encode()}, observed=observed)


def fail(launch: Launch, end: End, detail: str = "scripted") -> Outcome:
    """The outcome of a process that ended this way and left nothing."""
    rejected = tuple(Rejected(path=path, reason="missing") for path in launch.results)
    return Outcome(end=end, detail=detail, rejected=rejected, observed=_observe(launch, wall_s=1.0, end=end))


def make_reply(launch: Launch, variant: Variant | None, *, status: str = "ok", step_s: float | None = None) -> Reply:
    """What a workload would say of itself: samples drawn around `step_s` (default: a time of the variant's own).

    Agrees with whatever the variant claims, and with the expected output to the last digit.
    """
    job = Job.model_validate_json(launch.files["job.json"])
    if status != "ok":
        return Reply(status=status, reason="scripted")
    network = job.network
    if job.mode == "peak" and network and any(node.op not in {"MatMul", "Gemm"} for node in network.nodes):
        return Reply(status="unsupported", reason=f"mode 'peak': {network.name} is not matrix products alone")
    draw = random.Random(f"{launch.name}:{job.seed}:{launch.env.get('BENCH_PAD', '')}")
    name = network.name if network else " ".join(launch.argv)
    base = step_s or _base_s(f"{launch.image}:{name}:{job.batch}") / job.threads
    count = max(job.min_count, 2, min(MOST_SAMPLES, math.ceil(job.min_time_s / base)))
    samples = tuple(base * math.exp(draw.gauss(0.0, SPREAD)) for _ in range(count))
    wall_s = math.fsum(samples)
    return Reply(
        reply_schema=REPLY_SCHEMA,
        status="ok",
        parameters=network.parameters if network else None,
        errors=dict.fromkeys(job.expected, 0.0),
        outputs={name: expected.values for name, expected in job.expected.items()},
        first_s=base * 3,
        warmup_s=(base * 1.1,) * job.warmup,
        samples_s=samples,
        phases_s={"import": 0.1, "build": 0.1, "time": wall_s},
        cpu_s=wall_s * job.threads,
        wall_s=wall_s,
        peak_rss_bytes=min(launch.memory_bytes, 200 * 2**20),
        evidence=_evidence(job, launch, variant),
        bandwidth=_copy(job, draw) if job.mode == "peak" else None,
    )


def _copy(job: Job, draw: random.Random) -> Bandwidth:
    """Copies at about 10 GB/s for each thread, in less than the second that `answer` adds to the samples."""
    size = 64 * 2**20
    base = 2 * size / (10e9 * job.threads)
    times = tuple(base * math.exp(abs(draw.gauss(0.0, SPREAD))) for _ in range(10))
    return Bandwidth(array_bytes=size, samples_s=times, threads=job.threads, cache_bytes=2**23)


def _base_s(name: str) -> float:
    """Between 10 and 100 ms, by the name alone."""
    return 0.01 * 10 ** (int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32)


def _evidence(job: Job, launch: Launch, variant: Variant | None) -> Evidence:
    libraries: tuple[Library, ...] = ()
    if variant is not None and variant.blas not in COMPILED_IN:
        name = str(variant.blas)
        library: dict[str, Any] = {"kind": "blas", "name": name, "path": f"/usr/lib/lib{name}.so.0", "version": "0"}
        libraries = (Library(**library, core=variant.core or None, threads=job.threads),)
    return Evidence(
        python=f"{variant.python}.0" if variant else "3.11.0",
        numpy="0",
        framework=variant.framework if variant else job.backend,
        framework_version=variant.version if variant else "0",
        build=f"fake; BLAS: {variant.blas}" if variant else "fake",
        execution=ExecutionEvidence(mode=job.execution, how="fake"),
        device="cpu",
        precision="float32",
        libraries=libraries,
        threads=Threads(asked=job.threads, process=job.threads, busy=job.threads),
        onednn=OneDnnEvidence(state=job.onednn, primitives={"convolution,fake": 1} if job.onednn == "on" else {}),
        affinity=launch.cpus,
        cpu_count=len(launch.cpus),
        cpu_model="fake",
        isa=(),
        arithmetic={"gradients": "on"} if job.execution == AUTOGRAD else {},
        env={name: value for name, value in launch.env.items() if name.endswith("_NUM_THREADS")},
        security={},
    )


def _observe(launch: Launch, *, wall_s: float, end: End = End.OK) -> Observed:
    codes = {End.OK: 0, End.EXIT: 1, End.SIGNAL: 139, End.OOM: 137, End.TIMEOUT: 143}
    return Observed(
        wall_s=wall_s,
        overhead_s=0.0,
        cpu_s=wall_s * len(launch.cpus),
        peak_bytes=min(launch.memory_bytes, 220 * 2**20),
        throttled_periods=0,
        oom_killed=end is End.OOM,
        exit_code=codes.get(end),
        signal=11 if end is End.SIGNAL else None,
        image_id=launch.image,
        container=False,
    )
