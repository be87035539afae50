"""What does a run tell while it goes on?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orchestrator.nouns.plan import Trial
    from orchestrator.nouns.record import Record


class Began(NamedTuple):
    """A trial is about to run. Until it ended, nobody should compute anything on this machine."""

    trial: Trial
    number: int
    """From 1."""
    total: int
    attempt: int


class Ended(NamedTuple):
    """An attempt ended, and its record is published."""

    trial: Trial
    number: int
    total: int
    record: Record


class Waiting(NamedTuple):
    """The run waits for somebody else: another measurement on these cores, or an engine that comes back."""

    reason: str


Event = Began | Ended | Waiting
