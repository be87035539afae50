"""What does a run tell while it goes on?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.nouns.plan import Block

if TYPE_CHECKING:
    from orchestrator.nouns.plan import Trial
    from orchestrator.nouns.record import Record


class Began(NamedTuple):
    """A trial is about to run. Until it ended, nobody should compute anything on this machine."""

    trial: Trial
    number: int
    """From 1."""
    attempt: int


class Ended(NamedTuple):
    """An attempt ended, and its record is published."""

    trial: Trial
    number: int
    record: Record


class Waiting(NamedTuple):
    """The run waits for somebody else: another measurement on these cores, or an engine that comes back."""

    reason: str


Event = Block | Began | Ended | Waiting
"""A `Block` comes before its trials, and a last one without any when all cells have left."""
