"""Is anything slower than it was when the baseline was measured?

The two stores were filled at different times, so no blocks pair, and what drifts between two days does not cancel:
a word here is weaker than one of `compare`, which interleaves the builds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.analysis.evidence import list_differences
from orchestrator.analysis.matching import Match, match_cells
from orchestrator.analysis.trials import judge_trials
from orchestrator.analysis.wording import say_unpaired
from orchestrator.stats.families import holm, holm_levels
from orchestrator.stats.verdicts import MIN_BLOCKS, MIN_EFFECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.stats.welch import Unpaired

MAX_SLOWDOWN = 0.03
LEVEL = 0.95
METHOD = (
    "Two runs at different times: Welch's t on the logarithms of process means. What drifts between two days does not "
    "cancel and is not in the interval; to be sure of a difference, measure both builds in one run and `bench compare`."
)


class CheckWord(StrEnum):
    """What a check says of a cell."""

    OK = "ok"
    """The interval, adjusted for the family, ends below the slowdown that is allowed."""
    FASTER = "faster"
    """It lies below 1, and the effect is not below `MIN_EFFECT`."""
    SLOWER = "slower"
    """It lies above the slowdown that is allowed; what throws doubt on it is said beside it, and it fails."""
    MAYBE = "maybe"
    """It holds what is allowed, or it does not and there are too few processes or most of a side's are suspect."""
    MISSING = "missing"
    """The baseline has this cell, the other store has not."""
    INVALID = "invalid"
    """A side has no valid measurement."""
    CONFOUNDED = "confounded"
    """Something else than the build differs: the host, the method, the workloads' code."""


BAD = frozenset({CheckWord.SLOWER})
LACKING = frozenset({CheckWord.MISSING, CheckWord.INVALID, CheckWord.CONFOUNDED})
"""Words of cells in which nothing was checked."""


@dataclass(frozen=True)
class Checked:
    """One cell of the baseline and what became of it."""

    workload: str
    threads: int
    mode: str
    baseline: str
    """The variant there; another version of the one here where versions are crossed."""
    variant: str
    """Empty where it is missing."""
    word: CheckWord
    reason: str
    ratio: Unpaired | None
    """time(now) / time(baseline), its interval adjusted for the family."""
    p_holm: float | None
    """Of a slowdown of exactly what is allowed."""
    text: str
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def cell(self) -> str:
        """`vgg16-infer-b1@numpy-...:t1`, as the baseline calls it."""
        mode = "" if self.mode == "default" else f":{self.mode}"
        return f"{self.workload}@{self.baseline}:t{self.threads}{mode}"


@dataclass(frozen=True)
class Check:
    """Everything that was checked together: one family."""

    items: tuple[Checked, ...]
    max_slowdown: float
    family: int
    left_out: tuple[str, ...]
    """Cells that the baseline says nothing of, and why."""
    method: str = METHOD

    def failures(self, tolerated: frozenset[CheckWord] = frozenset()) -> tuple[Checked, ...]:
        """The cells for which a check fails."""
        return tuple(item for item in self.items if item.word in (BAD | LACKING) - tolerated)


def check_records(
    baseline: Iterable[Record],
    current: Iterable[Record],
    *,
    max_slowdown: float = MAX_SLOWDOWN,
    matching: Match = Match.VARIANT,
    limits: Limits | None = None,
) -> Check:
    """Every cell of the baseline against its like among `current`, as one family under Holm's correction."""
    matched = match_cells(judge_trials(baseline, limits=limits), judge_trials(current, limits=limits), matching)
    bound = 1 + max_slowdown
    known = [draft.ratio for draft in matched.drafts if draft.ratio is not None]
    pvalues = [ratio.p(bound) for ratio in known]
    adjusted = iter(zip(known, holm(pvalues), holm_levels(pvalues, LEVEL), strict=True))
    items = []
    for draft in matched.drafts:
        ratio, p_holm = None, None
        word, reason = CheckWord(draft.word), draft.reason
        if draft.ratio is not None:
            plain, p_holm, level = next(adjusted)
            ratio = plain.at(level)
            word, reason = _judge(ratio, bound, draft.doubt)
        items.append(
            Checked(
                workload=draft.workload,
                threads=draft.threads,
                mode=draft.mode,
                baseline=draft.baseline,
                variant=draft.variant,
                word=word,
                reason=reason,
                ratio=ratio,
                p_holm=p_holm,
                text=say_unpaired(str(word), reason, ratio, family=len(known), level=LEVEL),
                differences=list_differences(*draft.facts),
                notes=draft.notes,
            )
        )
    return Check(tuple(items), max_slowdown, len(known), matched.left_out)


def _judge(ratio: Unpaired, bound: float, doubt: str) -> tuple[CheckWord, str]:
    """A doubt takes `ok` and `faster` back. It hides no slowdown: a gate that noise opens would not be one."""
    few = f"n<{MIN_BLOCKS}" if min(ratio.counts) < MIN_BLOCKS else ""
    doubts = "; ".join(each for each in (few, doubt) if each)
    if ratio.low > bound:
        return CheckWord.SLOWER, doubts
    if doubts:
        return CheckWord.MAYBE, doubts
    if ratio.high < 1 and ratio.estimate <= math.exp(-math.log1p(MIN_EFFECT)):
        return CheckWord.FASTER, ""
    return (CheckWord.OK, "") if ratio.high < bound else (CheckWord.MAYBE, "the interval is too wide")


def count_words(items: Sequence[Checked]) -> list[tuple[str, int]]:
    """How often each word was said, the worst first; words that were not said are left out."""
    order = (*BAD, *sorted(LACKING), CheckWord.MAYBE, CheckWord.OK, CheckWord.FASTER)
    counts = [(str(word), sum(item.word == word for item in items)) for word in order]
    return [each for each in counts if each[1]]
