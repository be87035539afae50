"""What is kept of one attempt at a trial?"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, PrivateAttr

from orchestrator.nouns.base import Noun
from orchestrator.nouns.job import Reply
from orchestrator.nouns.launch import Observed
from orchestrator.nouns.variant import Variant
from orchestrator.nouns.workload import Method, Workload

# 1: first version; fields came while the number stood. 2: from here on every change of a field changes the number.
RECORD_SCHEMA = 2

Unknown = tuple[tuple[tuple[str | int, ...], Any], ...]
"""Where in a record -> what stands there, as JSON gives it."""


class Status(StrEnum):
    """How an attempt ended. The order is the precedence: the first that applies is the one that is reported."""

    ENGINE_LOST = "engine_lost"
    """The engine stopped answering; the trial is tried again."""
    NO_IMAGE = "no-image"
    """The variant's image could not be built or prepared; tried again when the run is resumed."""
    STUCK = "stuck"
    """It outlived its KILL: the run ends, because nothing can be measured beside it; tried again when it is resumed."""
    OOM = "oom"
    """The kernel killed the process, or a child of it, for memory: whatever its exit code says."""
    TIMEOUT = "timeout"
    """It ran past the method's limit and was ended."""
    INTERRUPTED = "interrupted"
    """The user stopped the run; tried again when it is resumed."""
    SIGNAL = "signal"
    """It died of a signal."""
    EXIT = "exit"
    """It left with another exit code than 0."""
    INVALID_OUTPUT = "invalid-output"
    """It left no reply, or one that does not follow the schema."""
    UNSUPPORTED = "unsupported"
    """The backend has no such operator or mode; a workload is never weakened to make a framework fit."""
    WRONG = "wrong"
    """The output differs from the reference's by more than the tolerance, or the parameter count differs."""
    ERROR = "error"
    """The workload itself reported an error."""
    OK = "ok"
    """The samples are there. Whether they prove the label is derived on read: see `invalid` of the results."""


RETRIED = frozenset({Status.ENGINE_LOST, Status.NO_IMAGE, Status.STUCK, Status.INTERRUPTED})
"""Attempts with these do not count as done when a run is resumed."""


class Provenance(Noun):
    """What it takes to say which run this was, and to run it again."""

    run: str
    """Name of the `bench matrix` call; those of one store sort as the calls came, whatever the clock said."""
    bench: str
    engine: str
    """Name and version of what ran it; for `local` it says that it is no container."""
    image: str
    image_digest: str
    image_id: str | None
    workloads_hash: str
    source_changed: bool = False
    """The folder of the workloads held something else when this was published: the hash is of what ran."""
    started_at: str
    """RFC 3339, UTC. A label: no duration comes from it, and order only between runs of several stores."""
    sequence: int
    """Order in which the run published."""
    host: dict[str, str | None]
    """CPU model, kernel, CPUs, governor, ... ; null where it cannot be read."""
    host_unavailable: dict[str, str] = Field(default_factory=dict)
    """Field of `host` -> why it is null."""
    cpu_shape: str = ""
    """What was pinned to, ids apart: `4 cpus on 4 cores of 1 nodes`; empty in records that are older than this."""


class Record(Noun):
    """One immutable JSON file per attempt: raw samples and facts, nothing that can be computed from them."""

    record_schema: int = RECORD_SCHEMA
    key: str
    """sha256 over everything that may change the number; computed before the run."""
    cell: str
    workload: Workload
    variant: Variant
    mode: str
    threads: int
    cpus: tuple[int, ...]
    block: int
    position: int
    attempt: int
    method: Method
    status: Status
    reason: str
    reported: Reply | None
    observed: Observed | None
    agreed: tuple[str, ...] = ()
    """Outputs that the host itself held against what they must be, and found right."""
    provenance: Provenance
    _unknown: Unknown = PrivateAttr(default=())
    _origin: str = PrivateAttr(default="")

    @property
    def unknown(self) -> Unknown:
        """Fields of the file that this version has no name for: kept, and written back where they stood."""
        return self._unknown

    def with_unknown(self, unknown: Unknown) -> Self:
        """The same record with such fields beside the known ones."""
        made = self.model_copy()
        made._unknown = unknown  # noqa: SLF001  (its own)
        return made

    @property
    def origin(self) -> str:
        """What it was imported from; empty for a record of this store's own runs. No part of the file."""
        return self._origin

    def with_origin(self, origin: str) -> Self:
        """The same record as one that was measured elsewhere."""
        made = self.model_copy()
        made._origin = origin  # noqa: SLF001  (its own)
        return made
