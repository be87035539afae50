"""What was a run to measure?"""

from __future__ import annotations

from orchestrator.nouns.base import Noun
from orchestrator.nouns.plan import Plan


class Run(Noun):
    """A run as it was when it began. What became of it is nowhere written: it follows from lock, owner and records."""

    name: str
    """`r000012-20260101-120000-9f3c2a`, as in the provenance of its records: names sort as their runs came."""
    owner: str
    """Label of the process: machine, boot, namespace, number, start."""
    command: tuple[str, ...]
    """What was typed, defaults left out."""
    plan: Plan
    keys: dict[str, str]
    """Cell's identifier -> key of its records."""
