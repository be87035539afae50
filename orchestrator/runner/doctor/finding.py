"""What does `bench doctor` say of one thing that it looked at?"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How much it matters, worst first."""

    BAD = "bad"
    """Something does not work, or a trial here would be invalid."""
    WARN = "warn"
    """It would move a measurement."""
    UNSEEN = "?"
    """It cannot be seen from here, so a trial cannot be cleared of it."""
    OK = "ok"


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    group: str
    what: str
    found: str
    means: str = ""
    """What follows from it; empty where nothing does."""
    advice: str = ""
    """What to type, or to do, about it."""
