"""What will be run, in which order, and what will not and why?"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from orchestrator.nouns.base import Noun
from orchestrator.nouns.variant import Variant
from orchestrator.nouns.workload import Method, Workload


class Cell(NamedTuple):
    """A workload on a variant under one setting of threads and execution mode: what a number belongs to."""

    workload: str
    variant: str
    threads: int
    mode: str

    @property
    def id(self) -> str:
        """`vgg16-infer-b1@numpy-1.24.2-distro-mkl-cpu:t1`; a mode other than the default follows a second colon."""
        mode = "" if self.mode == "default" else f":{self.mode}"
        return f"{self.workload}@{self.variant}:t{self.threads}{mode}"


class Trial(NamedTuple):
    """One fresh process in one fresh container: the unit of replication."""

    cell: Cell
    block: int
    position: int


class Why(StrEnum):
    """Why a cell leaves a run that goes on until it is precise enough."""

    PRECISE = "precise"
    FAILED = "failed"
    """Most of its trials in the pilot are not valid: more of them would not help."""
    CAP = "cap"
    """The most blocks that it may take are over."""


class Departure(NamedTuple):
    """A cell that runs no more, and how far it has come."""

    cell: Cell
    blocks: int
    """Blocks that were complete by then."""
    half_width: float
    """Of the 95 % interval, as a share; infinite where there is none."""
    why: Why
    reason: str = ""


class Block(NamedTuple):
    """The next block of a run: what is in it, what the store lacks of it, and what may follow."""

    number: int
    cells: tuple[Cell, ...]
    trials: tuple[Trial, ...]
    """In their order; those that the store has are left out."""
    departed: tuple[Departure, ...]
    """Cells that were in the block before and are not in this one."""
    least: Mapping[Cell, int]
    """Trials from this block on that will run whatever they give."""
    most: Mapping[Cell, int]
    """The same if every cell went on to the last block."""


class Skipped(NamedTuple):
    """Something that was asked for and will not run, and why."""

    name: str
    reason: str


class Plan(Noun):
    """Seeded, randomised complete blocks: each holds every cell that still runs once, in an order of its own."""

    seed: int
    method: Method
    variants: tuple[Variant, ...]
    workloads: tuple[Workload, ...]
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]
