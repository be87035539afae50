"""What does an engine get, and what does it give back?"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from orchestrator.nouns.base import Noun
from orchestrator.nouns.conditions import Conditions
from orchestrator.nouns.gpu import GPU_UUID


class Launch(Noun):
    """One process to run: an engine needs nothing else, and knows nothing of benchmarks.

    The engine lays `files` out under one folder, which is the working directory and the only place on a disk
    that the process may write to, runs `argv` there, and reads back `results` after the process is dead.
    """

    name: str
    """Of the trial, for labels and messages."""
    image: str
    """What `Engine.prepare` returned for this image."""
    argv: tuple[str, ...]
    env: dict[str, str]
    """Everything that the process sees: no variable of the host travels by itself."""
    files: dict[str, bytes]
    """Relative path -> content."""
    executables: frozenset[str] = frozenset()
    """Those of `files` that are run by themselves."""
    results: dict[str, int]
    """Relative path of a file to read back -> the most bytes it may have."""
    cpus: tuple[int, ...]
    siblings: tuple[int, ...] = ()
    """Other hardware threads of these CPUs' cores: nobody should compute there."""
    gpus: tuple[Annotated[str, Field(pattern=GPU_UUID)], ...] = ()
    """UUIDs: an index names another one after a reboot, and `all` those of others."""
    mems: tuple[int, ...] = ()
    memory_bytes: int
    pids: int
    shm_bytes: int = 64 * 2**20
    tmp_bytes: int = 256 * 2**20
    file_bytes: int = 4 * 2**30
    """The most that any one file may have: VGG-16, written out as a model, has 553 MB."""
    timeout_s: float
    labels: dict[str, str] = Field(default_factory=dict)


class End(StrEnum):
    """How the process ended. Where several are true, the first of this list is reported."""

    ENGINE_LOST = "engine_lost"
    STUCK = "stuck"
    OOM = "oom"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    SIGNAL = "signal"
    EXIT = "exit"
    OK = "ok"


class Rejected(Noun):
    """A result file that was not taken: missing, not a regular file, too large."""

    path: str
    reason: str


class Observed(Noun):
    """What the host saw of the process; null where it could not look, with the reason in `unavailable`."""

    wall_s: float
    """Monotonic, from the start of the process to its end."""
    overhead_s: float
    """Monotonic: everything the engine did for this launch before the start and after the end."""
    cpu_s: float | None = None
    peak_bytes: int | None = None
    throttled_periods: int | None = None
    oom_killed: bool | None = None
    exit_code: int | None = None
    signal: int | None = None
    image_id: str | None = None
    image_digests: tuple[str, ...] = ()
    """`repository@sha256:...`, where the image has been in a registry."""
    container: bool
    """False for the local engine: a process on the host, with nothing isolated but its CPUs."""
    weakened: tuple[str, ...] = ()
    """What the engine says of the container that is less than was asked for: `ReadonlyRootfs is false, not true`."""
    conditions: Conditions | None = None
    """What went on around the timed region; null where nothing ran."""
    unavailable: dict[str, str] = Field(default_factory=dict)


class Outcome(Noun):
    """What came back from a launch. A process that failed is a value like any other."""

    end: End
    detail: str = ""
    files: dict[str, bytes] = Field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    log_tail: str = ""
    """The last 4 KiB of what the process printed; never parsed."""
    observed: Observed
