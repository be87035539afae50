"""Which trials of one store are about the same cell as which of another?"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.analysis.alike import find_unlikeness, note_loops, say_contexts_apart, split_builds
from orchestrator.analysis.axes import version_order
from orchestrator.analysis.evidence import read_facts
from orchestrator.analysis.findings import RESTLESS
from orchestrator.analysis.trials import order_of, read_context
from orchestrator.stats.welch import unpaired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.trials import Context, Judged
    from orchestrator.nouns.variant import Variant
    from orchestrator.stats.welch import Unpaired

Name = tuple[str, str, int, str]
"""Workload, what names the build, threads, mode."""
_IDENTITY = ("framework", "install", "blas", "tag", "device")
"""A row's identifier without its version: what two versions of it share. A new one often asks for another Python."""


class Match(StrEnum):
    """What a cell's build has to share with the baseline's."""

    VARIANT = "variant"
    """Everything: the same row of the catalogue."""
    ANY_VERSION = "any version"
    """Everything but the version and Python; of several versions in a store, the newest."""


@dataclass(frozen=True)
class Pair:
    """One cell in both stores, before the others of its family are known: a ratio, or the word for want of one."""

    workload: str
    threads: int
    mode: str
    baseline: str
    variant: str
    word: str
    """`missing`, `invalid`, `confounded`; `maybe` where there is a ratio, which will say more."""
    reason: str
    ratio: Unpaired | None
    doubt: str
    """`suspect: steal in 7 of 10 processes` where most of a side's are; empty otherwise."""
    facts: tuple[Mapping[str, str], Mapping[str, str]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Matched:
    """All pairs, and what has none."""

    drafts: tuple[Pair, ...]
    left_out: tuple[str, ...]


def match_cells(baseline: Sequence[Judged], current: Sequence[Judged], matching: Match) -> Matched:
    """A pair per cell of the baseline. A cell that neither side supports has nothing to lose, and is left out."""
    before, now = _by_name(baseline, matching), _by_name(current, matching)
    pairs, left_out = (
        [],
        [f"{_cell(side)}: the baseline has no such cell" for name, side in now.items() if name not in before],
    )
    for name, there in sorted(before.items()):
        here = now.get(name, [])
        if here and _unsupported(there) and _unsupported(here):
            left_out.append(f"{_cell(there)}: unsupported, then and now")
        else:
            pairs.append(_pair(name, there, here))
    return Matched(tuple(pairs), tuple(sorted(left_out)))


def name_row(variant: Variant) -> str:
    """What all versions of a row share: `numpy-distro-blis-arch-skx-cpu`."""
    parts = [str(getattr(variant, field)) for field in _IDENTITY]
    return "-".join(part for part in parts if part)


def _pair(name: Name, there: list[Judged], here: list[Judged]) -> Pair:
    if not here:
        return _lack(name, there, here, "missing", "")
    one, two = _by_context(there), _by_context(here)
    shared = one.keys() & two.keys()
    if not shared:
        reason = say_contexts_apart(one, two).removeprefix("confounded: ")
        return _lack(name, there, here, "confounded", reason)
    context = max(shared, key=lambda each: (_valid(one[each]) > 0, _valid(two[each]), each))
    (there, before), (here, after) = _one_build(one[context]), _one_build(two[context])
    bad = [f"{side} has {_why(trials)}" for side, trials in (("baseline", there), ("now", here)) if not _valid(trials)]
    if bad:
        return _lack(name, there, here, "invalid", ", ".join(bad))
    if unlike := find_unlikeness(there, here):
        return _lack(name, there, here, "confounded", unlike.removeprefix("confounded: "))
    doubts = [_suspect(trials) for trials in (there, here)]
    notes = [*before, *after, *note_loops(there, here)]
    notes += [f"suspect {side}: {said}" for side, (said, _) in zip(("then", "now"), doubts, strict=True) if said]
    return Pair(
        *_place(name, there, here),
        word="maybe",
        reason="",
        ratio=unpaired_ratio(_means(here), _means(there)),
        doubt=next((f"suspect: {said}" for said, most in doubts if most), ""),
        facts=(read_facts(there), read_facts(here)),
        notes=tuple(notes),
    )


def _lack(name: Name, there: Sequence[Judged], here: Sequence[Judged], word: str, reason: str) -> Pair:
    facts = (read_facts(there), read_facts(here) if here else read_facts(there))
    return Pair(*_place(name, there, here), word, reason, None, "", facts, ())


def _place(name: Name, there: Sequence[Judged], here: Sequence[Judged]) -> tuple[str, int, str, str, str]:
    return name[0], name[2], name[3], there[0].record.variant.id, here[0].record.variant.id if here else ""


def _by_name(trials: Iterable[Judged], matching: Match) -> dict[Name, list[Judged]]:
    made: dict[Name, list[Judged]] = {}
    for trial in trials:
        row, record = trial.record.variant, trial.record
        build = name_row(row) if matching is Match.ANY_VERSION else row.id
        made.setdefault((record.workload.id, build, record.threads, trial.default_mode), []).append(trial)
    return {name: _newest(side) for name, side in made.items()}


def _newest(side: list[Judged]) -> list[Judged]:
    last = max((trial.record.variant for trial in side), key=version_order)
    return [trial for trial in side if trial.record.variant.id == last.id]


def _by_context(side: Iterable[Judged]) -> dict[Context, list[Judged]]:
    made: dict[Context, list[Judged]] = {}
    for trial in side:
        made.setdefault(read_context(trial.record), []).append(trial)
    return made


def _one_build(side: Sequence[Judged]) -> tuple[list[Judged], list[str]]:
    """The build with the most valid trials, of equals the latest; and a note where there are others."""
    builds = split_builds(side)
    best = max(builds.values(), key=lambda each: (_valid(each), _latest(each)))
    if len(builds) == 1:
        return best, []
    return best, [f"{_cell(side)} was built or set up in {len(builds)} ways; the one with the most blocks is shown"]


def _latest(side: Sequence[Judged]) -> tuple[str, int]:
    return max(order_of(trial.record) for trial in side)


def _valid(side: Sequence[Judged]) -> int:
    return sum(trial.valid for trial in side)


def _means(side: Sequence[Judged]) -> list[float]:
    replies = [trial.record.reported for trial in side if trial.valid]
    return [statistics.fmean(reply.samples_s) for reply in replies if reply is not None]


def _suspect(side: Sequence[Judged]) -> tuple[str, bool]:
    """(`steal in 7 of 10 processes, foreign-cpu in 2`, whether most of them are suspect)."""
    found = [trial.validity.suspicions for trial in side if trial.valid]
    counts = Counter(code for codes in found for code in codes).most_common()
    if not counts:
        return "", False
    parts = [f"{code} in {count}" for code, count in counts]
    said = ", ".join([f"{parts[0]} of {len(found)} processes", *parts[1:]])
    return said, 2 * sum(bool(set(codes) - RESTLESS) for codes in found) > len(found)


def _unsupported(side: Sequence[Judged]) -> bool:
    return all(trial.record.status == "unsupported" for trial in side)


def _why(side: Sequence[Judged]) -> str:
    labels = Counter(trial.validity.reasons[0].label for trial in side if not trial.valid)
    return labels.most_common(1)[0][0]


def _cell(side: Sequence[Judged]) -> str:
    return side[0].record.cell
