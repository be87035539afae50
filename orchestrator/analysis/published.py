"""What do our builds say to the questions that published tables answered, ratio by ratio?

Times are never compared: other hardware, other dates. A ratio within one table stands beside the same ratio of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.compare import Thresholds, judge_family
from orchestrator.analysis.pairing import draft_across, draft_comparisons
from orchestrator.catalog.cost import count_network
from orchestrator.nouns.published import Kind
from orchestrator.published.first_calls import bound_number
from orchestrator.published.references import RULE, find_reference
from orchestrator.published.tables import find_counterparts, find_mistakes, find_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.pairing import Draft
    from orchestrator.analysis.trials import Judged
    from orchestrator.nouns.published import Counterpart, Mistake, Number, Published, Source
    from orchestrator.nouns.workload import Network
    from orchestrator.published.first_calls import Bounds

SCOPE = (
    "Published times are of other machines and other years and are never compared with ours; only ratios within one "
    "published table stand beside ratios within our blocks. Ours: these image builds on this machine."
)
BATCHED = "-infer-b"


@dataclass(frozen=True)
class Ours:
    """Two builds of ours that ask a row's question, and what they answer."""

    pair: Counterpart
    comparisons: tuple[Comparison, ...]
    """One per thread count and mode; none where the store has no such trials."""


@dataclass(frozen=True)
class Beside:
    """One published number with everything that is shown beside it."""

    number: Number
    source: Source
    reference: Number | None
    """None for the table's baseline."""
    ratio: float | None
    """Published: time / time of the reference."""
    rate: float | None
    """FLOP/s that the time implies for the right network; None where no network of ours has the name."""
    bounds: Bounds | None
    mistakes: tuple[Mistake, ...]
    ours: tuple[Ours, ...]
    none: str
    """Why nothing of ours asks this row's question; empty where something does."""


@dataclass(frozen=True)
class Answer:
    """Published tables beside ours: one family of comparisons."""

    rows: tuple[Beside, ...]
    family: int
    rule: str = RULE
    scope: str = SCOPE


def set_beside(
    published: Published,
    chosen: Sequence[Number],
    trials: Sequence[Judged],
    networks: Mapping[str, Network],
    thresholds: Thresholds | None = None,
) -> Answer:
    """The `chosen` numbers of `published`, in that order. A pair of ours is compared once, however often shown."""
    pairs = {number: find_counterparts(published, number) for number in chosen}
    drafts: dict[_Question, list[Draft]] = {}
    for number, found in pairs.items():
        for each in found:
            if each.kind is not Kind.NONE and (key := _question(each, number)) not in drafts:
                drafts[key] = _draft(key, trials)
    compared = judge_family([draft for group in drafts.values() for draft in group], thresholds or Thresholds())
    answers = iter(compared)
    judged = {key: tuple(next(answers) for _ in group) for key, group in drafts.items()}
    rows = []
    for number, found in pairs.items():
        ours = tuple(Ours(each, judged[_question(each, number)]) for each in found if each.kind is not Kind.NONE)
        rows.append(_beside(published, number, ours, "" if ours else found[0].why, networks))
    return Answer(tuple(rows), family=sum(item.ratio is not None for item in compared))


def _beside(
    published: Published, number: Number, ours: tuple[Ours, ...], none: str, networks: Mapping[str, Network]
) -> Beside:
    source = find_source(published, number)
    reference = find_reference(number, published.numbers, source)
    return Beside(
        number=number,
        source=source,
        reference=reference,
        ratio=number.seconds / reference.seconds if reference else None,
        rate=find_rate(number, networks),
        bounds=bound_number(number),
        mistakes=tuple(find_mistakes(published, number)),
        ours=ours,
        none=none,
    )


def find_rate(number: Number, networks: Mapping[str, Network]) -> float | None:
    """FLOP/s that a printed time of one inference step implies, if the network had been the one of its name."""
    name, mode, batch = number.workload.partition(BATCHED)
    if not mode or name not in networks or not batch.isdigit():
        return None
    return count_network(networks[name], int(batch)).flops / number.seconds


class _Question(NamedTuple):
    """What a counterpart asks of a store."""

    reference: str
    candidate: str
    workload: str
    modes: tuple[str, str] | None


def _question(pair: Counterpart, number: Number) -> _Question:
    return _Question(pair.reference, pair.candidate, pair.workload or number.workload, pair.modes)


def _draft(asked: _Question, trials: Sequence[Judged]) -> list[Draft]:
    candidate, reference = (
        [each for each in trials if (each.record.variant.id, each.record.workload.id) == (name, asked.workload)]
        for name in (asked.candidate, asked.reference)
    )
    if asked.modes is None:
        return draft_comparisons(reference, candidate)
    candidate, reference = (
        [each for each in side if each.record.mode == mode]
        for side, mode in zip((candidate, reference), asked.modes, strict=True)
    )
    return draft_across(reference, candidate)


def doubt_winner(rows: Sequence[Beside]) -> str:
    """A sentence where the smallest mean of one published table may owe its place to another row's first call."""
    bounded = [(row, row.bounds) for row in rows if row.bounds is not None]
    if not bounded:
        return ""
    best, _ = min(bounded, key=lambda each: each[0].number.seconds)
    other, bounds = min(bounded, key=lambda each: each[1].others_s)
    if other is best:
        return ""
    return (
        f"the order is not safe: {best.number.label} has the smallest mean, {best.number.seconds:.3g} s; but if one "
        f"slow call made all of {other.number.label}'s spread, its other calls took {bounds.others_s:.3g} s each"
    )
