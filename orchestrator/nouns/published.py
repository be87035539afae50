"""What was published before this tool, what was wrong with it, and which of our builds ask the same question?"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from orchestrator.nouns.base import Noun

CODE = r"^[A-Z][0-9]{1,2}$"
SECONDS = {"s": 1.0, "ms": 1e-3, "min": 60.0}


class Source(Noun):
    """A published table, or a set of them made in one way."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    snapshot: str
    """The state of it that was read."""
    method: str
    """How its numbers were made, by its own scripts."""
    baseline: str
    """`pytorch 0.4.1`: framework and variant of the row that those without a sister are held against."""
    plain: tuple[str, ...] = ()
    """Per framework with several builds, the one that the others are variations of."""


class Number(Noun):
    """One printed number."""

    source: str
    framework: str
    variant: str
    blas: str = ""
    """As the row is labelled; empty where the label names none."""
    workload: str
    device: str
    hardware: str
    metric: str
    unit: str = Field(pattern="^(s|ms|min)$")
    value: float = Field(gt=0)
    sd: float | None = Field(default=None, ge=0)

    @property
    def label(self) -> str:
        """`caffe 1.0 atlas`."""
        return f"{self.framework} {self.variant}"

    @property
    def place(self) -> str:
        """What globs of mistakes and counterparts are held against: `caffe/1.0 atlas/vgg16-infer-b1`."""
        return f"{self.framework}/{self.variant}/{self.workload}"

    @property
    def table(self) -> tuple[str, str, str]:
        """Source, workload and hardware: only numbers that share them are set against each other."""
        return self.source, self.workload, self.hardware

    @property
    def seconds(self) -> float:
        """The value in seconds."""
        return self.value * SECONDS[self.unit]


class Mistake(Noun):
    """Something that is known to be wrong with published numbers."""

    code: str = Field(pattern=CODE)
    title: str
    source: str
    """Glob over the sources."""
    rows: tuple[str, ...]
    """Globs over places of numbers; none where no number of that part was printed."""
    hardware: str = "*"
    kind: str = Field(pattern="^(clock|environment|label|network|numerics|statistics)$")
    where: str
    """In which of the source's files it can be seen."""
    what: str
    here: str
    """What this tool does about it."""
    inferred: bool = False
    """Reasoned from the code rather than seen."""
    recreated: tuple[str, ...] = ()
    """Names of its re-creations."""
    not_recreated: str = ""
    """Why there is none."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.recreated) == bool(self.not_recreated):
            raise ValueError("either `recreated` or `not_recreated` has to be given")
        return self


class Kind(StrEnum):
    """How near a ratio of ours is to a published one."""

    EXACT = "exact"
    """The same builds."""
    CLOSEST = "closest"
    """The same question, asked of other builds."""
    NONE = "none"
    """Nothing of ours asks it."""


class Counterpart(Noun):
    """Two builds of ours whose ratio asks what a published ratio asked; or why there are none."""

    source: str
    """Glob over the sources."""
    row: str
    """Glob over places of numbers."""
    against: str = ""
    """Label of the row's reference; several, by source, with `|` between them."""
    kind: Kind
    candidate: str = ""
    reference: str = ""
    modes: tuple[str, str] | None = None
    """Of the candidate and of the reference, where the question is of two ways to call; None: the same in both."""
    workload: str = ""
    """Ours, where it is not filed under the published one's name."""
    why: str

    @model_validator(mode="after")
    def _complete(self) -> Self:
        named = [bool(text) for text in (self.against, self.candidate, self.reference)]
        if any(named) != all(named) or all(named) != (self.kind is not Kind.NONE):
            raise ValueError("`against`, `candidate` and `reference` belong to every kind but none")
        if self.kind is Kind.NONE and (self.modes or self.workload):
            raise ValueError("`modes` and `workload` belong to every kind but none")
        return self

    @property
    def asked(self) -> str:
        """`keras-2.2.4-... (predict) against tensorflow-1.15.0-... (default)`."""
        names = (self.candidate, self.reference)
        if self.modes is not None:
            names = (f"{names[0]} ({self.modes[0]})", f"{names[1]} ({self.modes[1]})")
        return " against ".join(names)


class Published(Noun):
    """Everything that is known of what was published."""

    sources: tuple[Source, ...]
    numbers: tuple[Number, ...]
    mistakes: tuple[Mistake, ...]
    counterparts: tuple[Counterpart, ...]
