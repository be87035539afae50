"""What can go wrong with the tool itself, and which exit code says so."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

SAME = 0.85
"""So much alike, two names are one with a slip in it."""


class BenchError(Exception):
    """The tool cannot go on. The message says what happened, where, and what to try; only `cli` catches it."""

    exit_code: ClassVar[int] = 1


class UsageError(BenchError):
    """The command line asks for something that makes no sense together, or for more than this machine has."""

    exit_code = 2


class UnknownNameError(BenchError):
    """A framework, variant, workload, suite or network that nobody defined."""

    exit_code = 3

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no {kind} is called {name!r}; {_hint(name, sorted(set(known)))}")


def _hint(name: str, known: list[str]) -> str:
    """A word that is part of several names is no misspelling: who writes it means them all, or one of them."""
    near = get_close_matches(name, known, n=1, cutoff=SAME)
    within = [each for each in known if name and name.lower() in each.lower()]
    if not near and len(within) > 1:
        some = f"{', '.join(within[:3])}{' ...' if len(within) > 3 else ''}"
        return f"{len(within)} hold that word ({some}); where a glob is taken, '*{name}*' in quotes names them all"
    if near := near or within or get_close_matches(name, known, n=1, cutoff=0.4):
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}"


class SpecError(BenchError):
    """A TOML or JSON file that does not say what it should: names the file, the key and what was expected."""

    exit_code = 4


class NoEngineError(BenchError):
    """No container engine answers, and the local engine can run nothing of what was asked for."""

    exit_code = 5


class BuildError(BenchError):
    """At least one image could not be built; the others were.

    `recorded` is what a record says in place of the message, where that has words of a place: records travel.
    """

    exit_code = 6

    def __init__(self, message: str, *, recorded: str = "") -> None:
        super().__init__(message)
        self.recorded = recorded or message


class StoreError(BenchError):
    """The store cannot be used: it is a file, cannot be written, is full, or was written by a newer version."""

    exit_code = 7


class LockError(BenchError):
    """Requirements could not be locked, or a variant's lock is missing or out of date."""

    exit_code = 8


class IntegrityError(BenchError):
    """Records of the store are damaged, or `bench import` refused a part of what it was given."""

    exit_code = 9


class RegressionError(BenchError):
    """`bench check`: a cell is slower than is allowed, or it is missing, invalid or not comparable."""

    exit_code = 10


class SelftestError(BenchError):
    """The self-test told equals apart, or did not find a difference that was planted."""

    exit_code = 11


class DatasetError(BenchError):
    """`bench data check`: a file is altered, missing, damaged or refused, or the folder has none of a data set."""

    exit_code = 12


class StuckError(BenchError):
    """What a trial started cannot be ended, so nothing can be measured on its cores."""

    exit_code = 13


class InterruptedRunError(BenchError):
    """The user stopped the run; everything that was finished is in the store."""

    exit_code = 130


class TerminatedRunError(BenchError):
    """The run was asked to end (SIGTERM); everything that was finished is in the store."""

    exit_code = 143
