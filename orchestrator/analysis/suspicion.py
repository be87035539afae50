"""Was something else than the builds at work while they were timed, and what is left without those blocks?

Nothing is discarded: the headline holds every block, and the ratio without the suspect ones stands beside it. No claim
is made where most blocks of a pair are suspect, nor where one side is suspect in clearly more blocks than the other:
what strikes both by chance widens the interval, what strikes one of them moves it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.findings import RESTLESS
from orchestrator.stats.paired import paired_ratio

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.analysis.trials import Judged
    from orchestrator.stats.paired import Ratio

LOPSIDED = 0.05

Times = dict[int, tuple[float, ...]]
"""Block -> seconds of the samples of its process."""


@dataclass(frozen=True)
class Suspicion:
    """What was suspect about the blocks of one pair."""

    codes: tuple[tuple[str, int], ...]
    """`steal` -> blocks in which either side has that flag; the most frequent first."""
    grave: int
    """Blocks with at least one that does not rest on two short looks only."""
    alone: tuple[int, int]
    """Blocks in which only the reference is gravely suspect, and only the candidate."""
    paired: int
    """Blocks that both sides have."""
    rest: Ratio | None
    """The ratio over the other blocks; None where fewer than two are left."""

    @property
    def decisive(self) -> bool:
        """Whether no claim may rest on these blocks."""
        return 2 * self.grave > self.paired or self.lopsided

    @property
    def lopsided(self) -> bool:
        """Whether one side is suspect more often than chance has it: the exact test of McNemar (1947), at 5 %."""
        total = sum(self.alone)
        tail = sum(math.comb(total, count) for count in range(min(self.alone) + 1)) / 2**total
        return total > 0 and 2 * tail < LOPSIDED

    def __str__(self) -> str:
        """`steal in 7 of 10 blocks, foreign-cpu in 2`; empty where nothing is suspect."""
        parts = [f"{code} in {count}" for code, count in self.codes]
        if self.lopsided:
            one, two = self.alone
            parts.append(f"{one} times on the reference's side alone, {two} times on the candidate's")
        return ", ".join([f"{parts[0]} of {self.paired} blocks", *parts[1:]]) if parts else ""


def find_suspicion(reference: Sequence[Judged], candidate: Sequence[Judged], times: tuple[Times, Times]) -> Suspicion:
    """The suspicions of a pair's common blocks; `times` are those of the reference's and the candidate's blocks."""
    paired = times[0].keys() & times[1].keys()
    one, two = _doubts(reference, paired), _doubts(candidate, paired)
    graves = [{block for block, codes in side.items() if codes - RESTLESS} for side in (one, two)]
    doubts = {block: one.get(block, set()) | two.get(block, set()) for block in one.keys() | two.keys()}
    counts = Counter(code for codes in doubts.values() for code in codes)
    codes = tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
    clean = paired - doubts.keys()
    rest = None
    if doubts and len(clean) > 1:
        rest = paired_ratio(_only(times[1], clean), _only(times[0], clean))
    alone = (len(graves[0] - graves[1]), len(graves[1] - graves[0]))
    return Suspicion(codes, len(graves[0] | graves[1]), alone, len(paired), rest)


def gather_flags(trials: Sequence[Judged]) -> tuple[str, ...]:
    """Each flag once; what was suspect, with sizes of its own in every trial, as one count of trials by code."""
    flags = dict.fromkeys(
        str(flag) for trial in trials for flag in trial.validity.flags if flag.code not in trial.validity.suspicions
    )
    counts = Counter(code for trial in trials for code in trial.validity.suspicions)
    if counts:
        parts = [f"{code} in {count}" for code, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]
        flags[f"suspect: {', '.join(parts)} of {len(trials)} trials"] = None
    return tuple(flags)


def _doubts(side: Sequence[Judged], paired: Collection[int]) -> dict[int, set[str]]:
    """Block -> suspicious codes of this side, where there are any."""
    return {
        trial.record.block: set(trial.validity.suspicions)
        for trial in side
        if trial.record.block in paired and trial.validity.suspicions
    }


def _only(times: Mapping[int, tuple[float, ...]], blocks: set[int]) -> Times:
    return {block: times[block] for block in blocks}
