"""Was something else than the builds at work while they were timed, and what is left without those blocks?

Nothing is discarded: the headline holds every block. Where most blocks of a pair are suspect, no claim is made of it;
where some are, the ratio without them stands beside the one with them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.stats.paired import paired_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.trials import Judged
    from orchestrator.stats.paired import Ratio

Times = dict[int, tuple[float, ...]]
"""Block -> seconds of the samples of its process."""


@dataclass(frozen=True)
class Suspicion:
    """What was suspect about the blocks of one pair."""

    codes: tuple[tuple[str, int], ...]
    """`steal` -> blocks in which either side has that flag; the most frequent first."""
    suspect: int
    """Blocks with at least one of them."""
    paired: int
    """Blocks that both sides have."""
    rest: Ratio | None
    """The ratio over the other blocks; None where fewer than two are left."""

    @property
    def decisive(self) -> bool:
        """Whether most blocks are suspect, so that no claim may rest on them."""
        return 2 * self.suspect > self.paired

    def __str__(self) -> str:
        """`steal in 7 of 10 blocks, foreign-cpu in 2`; empty where nothing is suspect."""
        parts = [f"{code} in {count}" for code, count in self.codes]
        return ", ".join([f"{parts[0]} of {self.paired} blocks", *parts[1:]]) if parts else ""


def find_suspicion(reference: Sequence[Judged], candidate: Sequence[Judged], times: tuple[Times, Times]) -> Suspicion:
    """The suspicions of a pair's common blocks; `times` are those of the reference's and the candidate's blocks."""
    paired = times[0].keys() & times[1].keys()
    doubts: dict[int, set[str]] = {}
    for trial in (*reference, *candidate):
        if trial.record.block in paired and trial.validity.suspicions:
            doubts.setdefault(trial.record.block, set()).update(trial.validity.suspicions)
    counts = Counter(code for codes in doubts.values() for code in codes)
    codes = tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
    clean = paired - doubts.keys()
    rest = None
    if doubts and len(clean) > 1:
        rest = paired_ratio(_only(times[1], clean), _only(times[0], clean))
    return Suspicion(codes, len(doubts), len(paired), rest)


def _only(times: Mapping[int, tuple[float, ...]], blocks: set[int]) -> Times:
    return {block: times[block] for block in blocks}
