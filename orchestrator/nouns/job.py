"""What is said to a workload, and what may it say back? JSON both ways; any language may answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from orchestrator.nouns.base import Noun
from orchestrator.nouns.workload import Network

JOB_SCHEMA = 1
REPLY_SCHEMA = 1
REPLY_BYTES = 1 << 20
EXTRA = 64
"""Entries of a reply's `extra`."""

Scalar = str | int | float | bool


class Expected(Noun):
    """What the reference computed for the seeded weights and input, at a few positions of the flattened tensor."""

    positions: tuple[int, ...]
    values: tuple[float, ...]
    spread: float
    """Standard deviation of the tensor. Errors are relative to it: random weights make every softmax look alike."""
    tolerance: float
    """Largest error that may pass, as a share of `spread`."""


class Told(Noun):
    """What a script of the user's own is told of itself, and what a change of renames its results."""

    name: str
    argv: tuple[str, ...]
    arguments: dict[str, Scalar]


class Job(Noun):
    """job.json: everything that a workload has to know."""

    job_schema: int = JOB_SCHEMA
    backend: str
    network: Network | None = None
    """None for a script."""
    script: Told | None = None
    """None for a network."""
    batch: int
    mode: str
    """What a step does: a value of nouns/workload.py's Mode."""
    region: str
    execution: str
    """Execution mode of the backend: `default`, ..."""
    dtype: str
    seed: int
    threads: int
    onednn: str
    device: str = "cpu"
    """What to compute on: `cpu`, or `cuda` for the one GPU that the process is shown."""
    warmup: int
    min_time_s: float
    min_count: int
    max_time_s: float
    expected: dict[str, Expected]
    """Output name -> what it must be; checked in the image before anything is timed, and on the host again."""

    @model_serializer(mode="wrap")
    def _leave_out(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Keys are made of this text: a null for what a network's job never had would give every stored cell a new one.
        return {name: value for name, value in write(self).items() if value is not None}


class Library(Noun):
    """A shared library that the process had mapped when the last sample was taken."""

    kind: str
    """`blas`, `openmp`, `onednn` or `blas-kernel` (MKL's code path, a file of its own)."""
    name: str
    """`openblas`, `mkl`, `atlas`, `blis`, `reference`; `libgomp`, `libiomp5`, `libomp`; `onednn`; `mkl_def`, ..."""
    path: str
    owner: str = ""
    """`numpy` or `scipy` where the file is one that such a wheel carries for itself; empty otherwise."""
    version: str | None = None
    core: str | None = None
    """The kernel family it chose for this CPU, in its own words."""
    threads: int | None = None
    threading: str | None = None
    linked: str = "shared"
    """`shared`, or `static` where the framework's build string or symbols tell of a library inside another file."""
    how: str = ""
    """Of a static one: the proof, in words."""


class Threads(Noun):
    """How many threads were asked for, and how many worked."""

    asked: int
    process: int
    """Threads of the process after the last sample."""
    busy: int
    """Threads that ran or wanted to run, on average over the timed region, rounded."""
    pools: dict[str, int] = Field(default_factory=dict)
    """What the framework says of its own pools."""


class OneDnnEvidence(Noun):
    """What oneDNN did in one step outside the timed region."""

    state: str
    """`on`, `off`, `absent` or `unknown`: read back, not what was asked for."""
    version: str | None = None
    primitives: dict[str, int] = Field(default_factory=dict)
    """`convolution,brg_conv_fwd:avx512_core` -> executions in one step, as its verbose mode names them."""
    reason: str = ""
    """How it is known, or why it is not."""


class ExecutionEvidence(Noun):
    """In which execution mode the framework was, read back."""

    mode: str | None
    """One of the backend's modes; null where the framework shows nothing that tells them apart."""
    how: str
    """What showed it, or why nothing does."""


class Evidence(Noun):
    """What ran, as seen from inside the process."""

    python: str
    numpy: str
    framework: str
    framework_version: str
    """What the framework says of itself."""
    package: str | None = None
    """Name and version of the distribution's package that the framework came in; null where it came in none."""
    build: str
    """The framework's own build string, at most 4000 characters."""
    execution: ExecutionEvidence | None = None
    """Null where the backend has one mode, where it reads nothing back, and in records from before this was asked."""
    device: str
    precision: str
    libraries: tuple[Library, ...]
    threads: Threads
    onednn: OneDnnEvidence
    affinity: tuple[int, ...]
    cpu_count: int
    cpu_model: str
    isa: tuple[str, ...]
    """SIMD flags of the CPU that frameworks choose kernels by."""
    isa_used: str | None = None
    """What the framework says it uses; null where it does not say."""
    arithmetic: dict[str, str] = Field(default_factory=dict)
    """`denormals`, `gradients`, `tf32`, ... -> how they were, read back where the framework can say."""
    env: dict[str, str]
    """The variables that steer threads and kernels, by allow-list."""
    security: dict[str, str]
    """Seccomp, NoNewPrivs, CapEff, Uid, Speculation_Store_Bypass of /proc/self/status, and whether / is read-only."""
    unavailable: dict[str, str] = Field(default_factory=dict)


class Bandwidth(Noun):
    """How long the process took to copy one array into another, after its samples, on as many threads."""

    array_bytes: int = Field(gt=0)
    """Of each of the two arrays. A copy reads and writes as many; what a store fetches before is not seen here."""
    samples_s: tuple[float, ...]
    """Seconds of every copy but the first, which touched the pages."""
    threads: int = Field(ge=1)
    cache_bytes: int | None = None
    """Last-level caches of the CPUs that it was pinned to, together; null where the system does not show them."""
    reason: str = ""
    """Why `cache_bytes` is null."""


class Reply(Noun):
    """reply.json: what the workload says of itself."""

    reply_schema: int = REPLY_SCHEMA
    status: str = Field(pattern="^(ok|wrong|unsupported|error)$")
    reason: str = ""
    parameters: int | None = None
    errors: dict[str, float] = Field(default_factory=dict)
    """Output -> largest error, as a share of the expected spread."""
    outputs: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Output -> its values at the expected positions."""
    first_s: float | None = None
    """The first call: graph building, kernel choice, compilation."""
    warmup_s: tuple[float, ...] = ()
    samples_s: tuple[float, ...] = ()
    """Seconds per step; where `loops` > 1, of that many steps together, divided by it."""
    loops: int = 1
    phases_s: dict[str, float] = Field(default_factory=dict)
    """import, weights, build, verify, time, ... of the process, in seconds."""
    cpu_s: float | None = None
    """CPU time of the process in the timed region."""
    wall_s: float | None = None
    """Wall time of the timed region."""
    peak_rss_bytes: int | None = None
    evidence: Evidence | None = None
    bandwidth: Bandwidth | None = None
    """Of the mode `peak` alone."""
    extra: dict[str, Scalar] = Field(default_factory=dict, max_length=EXTRA)
    """What else it wants kept. Nothing here is read by anything that judges."""
