"""What will be run, in which order, and what will not and why?"""

from __future__ import annotations

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


class Skipped(NamedTuple):
    """Something that was asked for and will not run, and why."""

    name: str
    reason: str


class Plan(Noun):
    """Seeded, randomised complete blocks: every block holds every cell once, in an order of its own."""

    seed: int
    method: Method
    variants: tuple[Variant, ...]
    workloads: tuple[Workload, ...]
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]
