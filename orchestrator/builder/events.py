"""What happens while images are built, and what is left of each at the end?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

TAIL_LINES = 20


class Stage(StrEnum):
    """Where an image stands. `PRESENT`, `DONE` and `FAILED` are the last that is heard of it."""

    PRESENT = "present"
    """Its tag, which holds a hash of its content, is there already: nothing to do."""
    QUEUED = "queued"
    STEP = "step"
    """A step of its Dockerfile begins; `text` is the step."""
    DONE = "done"
    FAILED = "failed"
    """`text` is the end of the log and where all of it is."""


class Event(NamedTuple):
    """One change, for a live display."""

    image: str
    stage: Stage
    text: str = ""


class Built(NamedTuple):
    """What became of one image. A build that failed is a value; the others go on."""

    image: str
    status: Stage
    seconds: float = 0.0
    size_bytes: int | None = None
    image_id: str = ""
    log: Path | None = None
    """Everything that the build printed; None where none was needed."""
    reason: str = ""
    """The end of the log, or why there is none; empty unless it failed."""

    @property
    def ok(self) -> bool:
        """Whether the image is there now."""
        return self.status is not Stage.FAILED
