"""What is in the store, and is all of it sound?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.store.encoding import BadRecordError
from orchestrator.store.files import TEMPORARY, Entry, list_entries, list_strays, read_entry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.nouns.record import Record
    from orchestrator.store.folder import Store


@dataclass(frozen=True)
class Problem:
    """A file of the store that gives no record; it stays where it is."""

    path: Path
    kind: str
    """`damaged`, `newer` (written by a newer bench), `leftover` (of a dead writer) or `foreign` (not ours)."""
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Verification:
    """What a look at every byte of the store found."""

    records: int
    problems: tuple[Problem, ...]

    @property
    def damaged(self) -> tuple[Problem, ...]:
        """The problems that mean lost results."""
        return tuple(problem for problem in self.problems if problem.kind == "damaged")


def read_records(store: Store) -> tuple[list[Record], list[Problem]]:
    """Every record, by file name, and every file that should be one and is not. Never fatal."""
    return read_entries(list_entries(store))


def read_entries(entries: Iterable[Entry]) -> tuple[list[Record], list[Problem]]:
    """The same for some files."""
    records, problems = [], []
    for entry in entries:
        try:
            records.append(read_entry(entry))
        except BadRecordError as error:
            problems.append(Problem(entry.path, error.kind, str(error)))
    return records, problems


def verify_store(store: Store) -> Verification:
    """Read and hash every record, and list whatever else lies among them. Writes nothing."""
    records, problems = read_records(store)
    for path in list_strays(store):
        if path.name.startswith(TEMPORARY):
            problems.append(Problem(path, "leftover", "left by a writer that did not finish; the next run removes it"))
        else:
            problems.append(Problem(path, "foreign", "it is not named as a record is, and is ignored"))
    return Verification(len(records), tuple(problems))
