"""Is one build faster than another, by how much, and how sure are we?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from orchestrator.analysis.evidence import list_differences
from orchestrator.analysis.explain import explain
from orchestrator.analysis.packages import compare_sides, say_packages
from orchestrator.analysis.pairing import draft_comparisons
from orchestrator.analysis.trials import judge_trials
from orchestrator.analysis.wording import LEGEND, SCOPE, say_statement, say_suspicion, say_verdict
from orchestrator.errors import UnknownNameError
from orchestrator.stats.families import benjamini_hochberg, holm, holm_levels
from orchestrator.stats.stopping import blocks_needed
from orchestrator.stats.verdicts import DELTA, MIN_BLOCKS, MIN_EFFECT, Verdict, Word, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.packages import Difference
    from orchestrator.analysis.pairing import Draft, Side
    from orchestrator.analysis.trials import Judged
    from orchestrator.nouns.image import Packages
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.stats.paired import Ratio


DWARFING = 2.0
"""Whoever shares a CPU with one other gets half of it: a suspicion explains no more than this factor."""


@dataclass(frozen=True)
class Thresholds:
    """What a word needs: see stats/verdicts.py."""

    level: float = 0.95
    delta: float = DELTA
    min_effect: float = MIN_EFFECT
    min_blocks: int = MIN_BLOCKS
    limits: Limits | None = None
    """From where on a disturbance of a trial is flagged."""


@dataclass(frozen=True)
class Comparison:
    """A candidate against its reference on one workload, thread count and mode."""

    workload: str
    threads: int
    mode: str
    reference: Side
    candidate: Side
    ratio: Ratio | None
    """time(candidate) / time(reference), its interval adjusted for the family; None where a side is invalid."""
    p_holm: float | None
    q_bh: float | None
    """Benjamini and Hochberg's q-value over the same family: for exploring, no word rests on it."""
    family: int
    """Comparisons shown together, over which Holm's correction went."""
    verdict: Verdict
    text: str
    """`1.083x faster (95 % CI 1.066-1.100, 10 blocks, paired t, Holm 3)`: the candidate, seen from the reference.

    Or `invalid(claim:blas): numpy-...-mkl-cpu: invalid(claim:blas): label says mkl, mapped: openblas ...`.
    """
    statement: str
    """`text` and what else it rests on: failed trials, the seed, the codes of all flags."""
    seed: int
    """Of the plan's order and of the weights."""
    dropped: tuple[int, ...]
    """Blocks that were left out because a side has no valid trial in them."""
    differences: tuple[str, ...]
    """What differed in the evidence: `BLAS: openblas 0.3.21 -> mkl 2020.4`."""
    explained: tuple[str, ...]
    """What that means: `BLIS took haswell (a core of 2013): kernels with AVX2 at most, on a CPU with AVX-512`."""
    suspect: str
    """`steal in 2 of 10 blocks, foreign-cpu in 1`; empty where nothing threw doubt on the times."""
    notes: tuple[str, ...]
    packages: tuple[Difference, ...] | None = None
    """What the two images do not share beside what their rows declare; None where it is not known of both."""


@dataclass(frozen=True)
class Comparisons:
    """Everything that is shown together: one family."""

    items: tuple[Comparison, ...]
    rule: str
    """How the reference was chosen."""
    left_out: tuple[str, ...]
    """Variants that have nothing to be compared with, and why."""
    scope: str = SCOPE
    legend: str = LEGEND


def compare(
    records: Iterable[Record],
    reference: str,
    candidate: str,
    *,
    thresholds: Thresholds | None = None,
    expected: Mapping[str, Mapping[str, Expected]] | None = None,
    sboms: Mapping[str, Packages] | None = None,
) -> Comparisons:
    """Every variant that `candidate` (an identifier or a glob) names against every one that `reference` names.

    `sboms`: image id -> its packages, of those that are known. Raises UnknownNameError where one of them names nothing
    in these records.
    """
    trials = judge_trials(records, expected, thresholds.limits if thresholds else None)
    known = sorted({trial.record.variant.id for trial in trials})
    pairs = [(left, right) for left in _match(reference, known) for right in _match(candidate, known) if left != right]
    rule = f"the first that was named ({reference})"
    return compare_pairs(trials, pairs, thresholds=thresholds, rule=rule, sboms=sboms)


def compare_pairs(
    trials: Sequence[Judged],
    pairs: Iterable[tuple[str, str]],
    *,
    rule: str,
    left_out: Iterable[str] = (),
    thresholds: Thresholds | None = None,
    sboms: Mapping[str, Packages] | None = None,
) -> Comparisons:
    """The comparisons of (reference, candidate) variants as one family."""
    by_variant: dict[str, list[Judged]] = {}
    for trial in trials:
        by_variant.setdefault(trial.record.variant.id, []).append(trial)
    drafts = [
        draft
        for left, right in pairs
        for draft in draft_comparisons(by_variant.get(left, []), by_variant.get(right, []))
    ]
    items = [_with_packages(item, by_variant, sboms or {}) for item in judge_family(drafts, thresholds or Thresholds())]
    items.sort(
        key=lambda each: (each.workload, each.threads, each.mode, each.reference.variant, each.candidate.variant)
    )
    return Comparisons(tuple(items), rule, tuple(left_out))


def _with_packages(
    item: Comparison, by_variant: Mapping[str, Sequence[Judged]], sboms: Mapping[str, Packages]
) -> Comparison:
    found = compare_sides(by_variant[item.reference.variant], by_variant[item.candidate.variant], sboms)
    if found is None:
        return item
    said = say_packages(found)
    return replace(item, packages=tuple(found), notes=(*item.notes, said) if said else item.notes)


def judge_family(drafts: Sequence[Draft], limits: Thresholds) -> list[Comparison]:
    """The comparisons of these drafts, in their order, as one family: nothing else is shown beside them."""
    measured = [draft.ratio.p for draft in drafts if draft.ratio is not None]
    levels = holm_levels(measured, limits.level)
    adjusted = iter(zip(holm(measured), benjamini_hochberg(measured), levels, strict=True))
    items = []
    for draft in drafts:
        if draft.ratio is None:
            said = Verdict(Word.INVALID, draft.problem)
            items.append(_comparison(draft, None, None, said, family=len(measured), limits=limits))
            continue
        p_holm, q_bh, level = next(adjusted)
        ratio = draft.ratio.at(level)
        said = _judge(draft, ratio, limits)
        items.append(_comparison(draft, ratio, (p_holm, q_bh), said, family=len(measured), limits=limits))
    return items


def _judge(draft: Draft, ratio: Ratio, limits: Thresholds) -> Verdict:
    said = verdict(ratio, delta=limits.delta, min_effect=limits.min_effect, min_blocks=limits.min_blocks)
    if ratio.n < limits.min_blocks or draft.suspicion is None or not draft.suspicion.decisive:
        return said
    if not draft.suspicion.lopsided and (ratio.low > DWARFING or ratio.high < 1 / DWARFING):
        return said
    return Verdict(Word.INCONCLUSIVE, f"suspect: {draft.suspicion}")


def _comparison(
    draft: Draft,
    ratio: Ratio | None,
    adjusted: tuple[float, float] | None,
    said: Verdict,
    *,
    family: int,
    limits: Thresholds,
) -> Comparison:
    blocks = len(draft.dropped) + (ratio.n if ratio is not None else 0)
    text = say_verdict(said, ratio, family=family, blocks=blocks, level=limits.level, delta=limits.delta)
    sides = (draft.reference, draft.candidate)
    bad = [f"{side.variant}: {side.reasons[0]}" for side in sides if ratio is None and not side.valid]
    text = f"{text}: {'; '.join(bad)}" if bad else text
    trials = sum(side.blocks for side in sides)
    return Comparison(
        workload=draft.workload,
        threads=draft.threads,
        mode=draft.mode,
        reference=draft.reference,
        candidate=draft.candidate,
        ratio=ratio,
        p_holm=adjusted[0] if adjusted else None,
        q_bh=adjusted[1] if adjusted else None,
        family=family,
        verdict=said,
        text=text,
        statement=say_statement(
            text,
            failed=trials - sum(side.valid for side in sides),
            trials=trials,
            seed=draft.seed,
            flags=[flag for side in sides for flag in side.flags],
        ),
        seed=draft.seed,
        dropped=draft.dropped,
        differences=list_differences(draft.reference.facts, draft.candidate.facts),
        explained=explain(draft.reference.facts, draft.candidate.facts),
        suspect=str(draft.suspicion) if draft.suspicion else "",
        notes=(*draft.notes, *_family_notes(draft, ratio, said, limits)),
    )


def _family_notes(draft: Draft, ratio: Ratio | None, said: Verdict, limits: Thresholds) -> list[str]:
    """What can only be said once the family's level is known."""
    if ratio is None or draft.suspicion is None:
        return []
    doubt = say_suspicion(draft.suspicion, said, ratio.level)
    if said.word != Word.INCONCLUSIVE or draft.suspicion.decisive or ratio.n < 2:
        return [doubt] if doubt else []
    needed = blocks_needed(ratio, limits.min_effect)
    more = f"about {needed} blocks of this spread would narrow the interval to +-{100 * limits.min_effect:g} %"
    return [note for note in (doubt, more if needed > ratio.n else "") if note]


def _match(pattern: str, known: Sequence[str]) -> list[str]:
    found = [name for name in known if fnmatchcase(name, pattern)]
    if not found:
        raise UnknownNameError("variant with records", pattern, known)
    return found
