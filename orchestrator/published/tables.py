"""Which published numbers, mistakes and counterparts are there, and do they fit together?"""

from __future__ import annotations

import csv
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator import paths
from orchestrator.catalog.rows import make_noun, read_toml
from orchestrator.errors import SpecError, UnknownNameError
from orchestrator.nouns.base import Noun
from orchestrator.nouns.published import Counterpart, Kind, Mistake, Number, Published, Source
from orchestrator.published.references import find_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

N = TypeVar("N", bound=Noun)


def read_published(folder: Path | None = None) -> Published:
    """The files of this package. Raises SpecError where one says what it should not, or they do not fit together."""
    folder = folder or paths.PACKAGE / "published"
    published = Published(
        sources=_read_rows(folder / "sources.toml", "source", Source),
        numbers=tuple(_read_numbers(folder / "numbers.csv")),
        mistakes=_read_rows(folder / "mistakes.toml", "mistake", Mistake),
        counterparts=_read_rows(folder / "counterparts.toml", "counterpart", Counterpart),
    )
    _check_sources(published)
    _check_patterns(published)
    for number in published.numbers:
        _check_counterparts(published, number)
    return published


def choose(published: Published, *, source: str = "*", workload: str = "*", framework: str = "*") -> Published:
    """The numbers that three globs name. Raises UnknownNameError for one that names nothing."""
    numbers = published.numbers
    wanted: tuple[tuple[str, str, Callable[[Number], str]], ...] = (
        ("published source", source, lambda number: number.source),
        ("published workload", workload, lambda number: number.workload),
        ("published framework", framework, lambda number: number.framework),
    )
    for kind, pattern, read in wanted:
        known = [read(number) for number in numbers]
        numbers = tuple(number for number in numbers if fnmatchcase(read(number), pattern))
        if not numbers:
            raise UnknownNameError(kind, pattern, known)
    return published.model_copy(update={"numbers": numbers})


def find_source(published: Published, number: Number) -> Source:
    """Where a number was printed."""
    return next(source for source in published.sources if source.id == number.source)


def find_mistakes(published: Published, number: Number) -> list[Mistake]:
    """What is known to be wrong with a number, in the order of the file."""
    return [mistake for mistake in published.mistakes if _concerns(mistake, number)]


def find_counterparts(published: Published, number: Number) -> list[Counterpart]:
    """Every pair of ours that asks a row's question; where there is none, the first reason."""
    found = [
        each
        for each in published.counterparts
        if fnmatchcase(number.source, each.source) and fnmatchcase(number.place, each.row)
    ]
    return [each for each in found if each.kind is not Kind.NONE] or found[:1]


def _concerns(mistake: Mistake, number: Number) -> bool:
    return (
        fnmatchcase(number.source, mistake.source)
        and fnmatchcase(number.hardware, mistake.hardware)
        and any(fnmatchcase(number.place, pattern) for pattern in mistake.rows)
    )


def _read_rows(path: Path, key: str, kind: type[N]) -> tuple[N, ...]:
    data = read_toml(path)
    rows = data.get(key)
    if set(data) != {key} or not isinstance(rows, list):
        raise SpecError(f"{path.name}: expected rows [[{key}]] and nothing else")
    return tuple(make_noun(kind, row, f"{path.name}, {key} {number}") for number, row in enumerate(rows, 1))


def _read_numbers(path: Path) -> Iterable[Number]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
    for line, row in enumerate(csv.DictReader(text.splitlines()), 2):
        made: dict[str, Any] = {name: value for name, value in row.items() if value}
        yield make_noun(Number, made, f"{path.name}, line {line}")


def _check_sources(published: Published) -> None:
    known = {source.id for source in published.sources}
    for number in published.numbers:
        if number.source not in known:
            raise SpecError(f"numbers.csv: {number.label}: no source is called {number.source!r}; see sources.toml")
    for source in published.sources:
        labels = {number.label for number in published.numbers if number.source == source.id}
        for name in (source.baseline, *source.plain):
            if name not in labels:
                raise SpecError(f"sources.toml: {source.id}: no row is called {name!r}")
    for names in ([source.id for source in published.sources], [each.code for each in published.mistakes]):
        if twice := {name for name in names if names.count(name) > 1}:
            raise SpecError(f"sources.toml, mistakes.toml: named twice: {', '.join(sorted(twice))}")


def _check_patterns(published: Published) -> None:
    """A glob that matches nothing is a misspelt one: its mistake would silently be shown beside no row."""
    for mistake in published.mistakes:
        for pattern in mistake.rows:
            alone = mistake.model_copy(update={"rows": (pattern,)})
            if not any(_concerns(alone, number) for number in published.numbers):
                raise SpecError(f"mistakes.toml: {mistake.code}: {pattern!r} matches no row of {mistake.source}")


def _check_counterparts(published: Published, number: Number) -> None:
    """Every row is mapped, and to a pair that was meant for the reference which the rule gives it."""
    found = find_counterparts(published, number)
    where = f"counterparts.toml: {number.source}, {number.place}"
    if not found:
        raise SpecError(f"{where}: not mapped; give a pair of builds, or the reason why there is none")
    reference = find_reference(number, published.numbers, find_source(published, number))
    for each in found:
        if each.kind is not Kind.NONE and (reference is None or reference.label not in each.against.split("|")):
            against = reference.label if reference else "nothing"
            raise SpecError(f"{where}: it is meant against {each.against}, the rule holds the row against {against}")
