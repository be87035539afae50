"""What is in the store, and is all of it sound?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.store.encoding import BadRecordError
from orchestrator.store.files import Entry, list_files, read_entry
from orchestrator.store.foreign import read_origins
from orchestrator.store.trim import Trimmer
from orchestrator.store.writers import TEMPORARY, is_orphaned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from orchestrator.nouns.record import Record
    from orchestrator.store.folder import Store

_LEFT = "left by a writer that did not finish; the next run removes it"
_WRITING = "it is being written, or was left by a writer on another machine"


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
    imported: int
    """Of these records, the ones that were measured elsewhere."""
    problems: tuple[Problem, ...]

    @property
    def damaged(self) -> tuple[Problem, ...]:
        """The problems that mean lost results."""
        return tuple(problem for problem in self.problems if problem.kind == "damaged")


def read_records(store: Store) -> tuple[list[Record], list[Problem]]:
    """Every record, by file name, and every file that is none. Never fatal."""
    listing = list_files(store)
    found = list(read_entries(store, listing.entries))
    problems = [each for each in found if isinstance(each, Problem)]
    return [each for each in found if not isinstance(each, Problem)], problems + foreign_problems(listing.strays)


def read_trimmed(store: Store) -> tuple[list[Record], list[Problem]]:
    """The same without the values of outputs, for which there is no room where there are thousands."""
    listing, trimmer = list_files(store), Trimmer()
    records, problems = [], []
    for found in read_entries(store, listing.entries):
        if isinstance(found, Problem):
            problems.append(found)
        else:
            records.append(trimmer.trim(found))
    return records, problems + foreign_problems(listing.strays)


def read_some(store: Store, keys: Collection[str]) -> Iterator[Record]:
    """The readable records of some cells, one after the other."""
    found = read_entries(store, (entry for entry in list_files(store).entries if entry.key in keys))
    return (each for each in found if not isinstance(each, Problem))


def read_entries(store: Store, entries: Iterable[Entry]) -> Iterator[Record | Problem]:
    """What is in some files, one after the other."""
    origins = read_origins(store)
    for entry in entries:
        try:
            record = read_entry(entry)
            yield record.with_origin(origins[entry.name]) if entry.name in origins else record
        except BadRecordError as error:
            yield Problem(entry.path, error.kind, str(error))


def foreign_problems(strays: Iterable[Path]) -> list[Problem]:
    """Those that no writer of this tool has left: a note, a copy under another name."""
    reason = "it is not named as a record is, and is ignored"
    return [Problem(path, "foreign", reason) for path in strays if not path.name.startswith(TEMPORARY)]


def verify_store(store: Store) -> Verification:
    """Read and hash every record, and list whatever else lies among them. Writes nothing."""
    listing = list_files(store)
    records, imported, problems = 0, 0, []
    for found in read_entries(store, listing.entries):
        if isinstance(found, Problem):
            problems.append(found)
        else:
            records += 1
            imported += bool(found.origin)
    left = [
        Problem(path, "leftover", _LEFT if is_orphaned(path.name) else _WRITING)
        for path in listing.strays
        if path.name.startswith(TEMPORARY)
    ]
    return Verification(records, imported, (*problems, *foreign_problems(listing.strays), *left))
