"""Which trials of two builds may be set against each other, block by block, and which may not?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.alike import (
    common_blocks,
    count_apart,
    find_unlikeness,
    note_loops,
    say_contexts_apart,
    split_builds,
)
from orchestrator.analysis.evidence import read_facts
from orchestrator.analysis.suspicion import find_suspicion, gather_flags
from orchestrator.analysis.trials import order_of, read_context
from orchestrator.stats.paired import paired_ratio
from orchestrator.stats.samples import steadiness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.suspicion import Suspicion
    from orchestrator.analysis.trials import Context, Judged
    from orchestrator.stats.paired import Ratio

Setting = tuple[str, int, str]
"""Workload, threads, mode."""


@dataclass(frozen=True)
class Side:
    """One build in one comparison."""

    variant: str
    blocks: int
    valid: int
    failed: tuple[tuple[str, int], ...]
    """Status, or `invalid(claim:blas)` -> trials."""
    reasons: tuple[str, ...]
    facts: Mapping[str, str]
    flags: tuple[str, ...]
    steadiness: str
    """`steady`, `drift` or `inconclusive`: of the samples inside its valid processes."""


@dataclass(frozen=True)
class Draft:
    """A comparison before the others of its family are known: a ratio, or the problem that forbids one."""

    workload: str
    threads: int
    mode: str
    reference: Side
    candidate: Side
    ratio: Ratio | None
    problem: str
    seed: int
    dropped: tuple[int, ...]
    notes: tuple[str, ...]
    suspicion: Suspicion | None = None
    """None where there is no ratio to doubt."""


def draft_comparisons(reference: Sequence[Judged], candidate: Sequence[Judged]) -> list[Draft]:
    """A draft per workload, thread count and mode that both have, and per host and method that they share."""
    left, right = _by_setting(reference), _by_setting(candidate)
    settings = sorted(left.keys() & right.keys())
    return [draft for setting in settings for draft in _draft_setting(setting, left[setting], right[setting])]


def draft_across(reference: Sequence[Judged], candidate: Sequence[Judged]) -> list[Draft]:
    """The same for two workloads, or two modes, of one build; named by the candidate's. Both sides hold one of each."""
    left = {setting[1]: trials for setting, trials in _by_setting(reference).items()}
    drafts: list[Draft] = []
    for setting, trials in sorted(_by_setting(candidate).items()):
        if setting[1] in left:
            drafts += _draft_setting(setting, left[setting[1]], trials)
    return drafts


def _draft_setting(setting: Setting, reference: Sequence[Judged], candidate: Sequence[Judged]) -> list[Draft]:
    left, right = _by_context(reference), _by_context(candidate)
    shared = sorted(left.keys() & right.keys())
    if not shared:
        return [_refused(setting, reference, candidate, say_contexts_apart(left, right))]
    return [_draft(setting, left[context], right[context]) for context in shared]


def _draft(setting: Setting, reference: Sequence[Judged], candidate: Sequence[Judged]) -> Draft:
    left, right, notes = _one_build_each(reference, candidate)
    problem = _problem(left, right)
    if problem:
        return _refused(setting, left, right, problem, notes)
    times = (_times(left), _times(right))
    paired = times[0].keys() & times[1].keys()
    if not paired:
        return _refused(setting, left, right, "no block is valid on both sides", notes)
    shared = common_blocks(left, right)
    dropped = tuple(sorted(shared - paired))
    if dropped:
        names = ", ".join(str(block) for block in dropped)
        notes.append(f"left out as a whole, for want of a valid trial on both sides: block {names}")
    single = len({trial.record.block for trial in (*left, *right)} - shared)
    if single:
        blocks, are = ("1 block was", "is") if single == 1 else (f"{single} blocks were", "are")
        notes.append(f"{blocks} run on one side only, and {are} not in the ratio")
    notes += _remarks(left, right)
    ratio = paired_ratio(times[1], times[0])  # time(candidate) / time(reference)
    doubts = find_suspicion(left, right, times)
    return Draft(*setting, _side(left), _side(right), ratio, "", _seed(left), dropped, tuple(notes), doubts)


def _refused(
    setting: Setting, left: Sequence[Judged], right: Sequence[Judged], problem: str, notes: Iterable[str] = ()
) -> Draft:
    return Draft(*setting, _side(left), _side(right), None, problem, _seed(left), (), tuple(notes))


def _problem(left: Sequence[Judged], right: Sequence[Judged]) -> str:
    """Why these two sides cannot be compared; empty where they can."""
    bad = [_why(side) for side in (left, right) if not any(trial.valid for trial in side)]
    if bad:
        return ", ".join(dict.fromkeys(bad))
    if count_apart(left, right) * 2 > len(common_blocks(left, right)):
        return "not interleaved: most blocks ran the two builds in runs of their own"
    return find_unlikeness(left, right)


def _one_build_each(
    reference: Sequence[Judged], candidate: Sequence[Judged]
) -> tuple[list[Judged], list[Judged], list[str]]:
    """The pair of builds with the most blocks valid on both sides; a build that was made again is another build."""
    left, right = split_builds(reference), split_builds(candidate)
    best = max(((a, b) for a in left for b in right), key=lambda pair: _rank(left[pair[0]], right[pair[1]]))
    notes = [
        f"{side[0].record.variant.id} was built or set up in {len(keys)} ways; the one with the most blocks is shown"
        for keys, side in ((left, reference), (right, candidate))
        if len(keys) > 1
    ]
    return left[best[0]], right[best[1]], notes


def _rank(left: Sequence[Judged], right: Sequence[Judged]) -> tuple[int, tuple[str, int]]:
    blocks = [{trial.record.block for trial in side if trial.valid} for side in (left, right)]
    latest = max(order_of(trial.record) for trial in (*left, *right))
    return len(blocks[0] & blocks[1]), latest


def _remarks(left: Sequence[Judged], right: Sequence[Judged]) -> list[str]:
    notes = []
    shares = [sum(not trial.valid for trial in side) / len(side) for side in (left, right)]
    if shares[0] != shares[1]:
        counts = [f"{sum(not trial.valid for trial in side)}/{len(side)}" for side in (left, right)]
        notes.append(f"failures differ: {counts[0]} of the reference's trials against {counts[1]}")
    if apart := count_apart(left, right):
        notes.append(f"{apart} blocks were run in parts, at different times: drift does not cancel in them")
    notes += [
        f"{side[0].record.variant.id} is no steady state: its samples drift inside the processes"
        for side in (left, right)
        if _steadiness(side) == "drift"
    ]
    return notes + note_loops(left, right)


def _side(trials: Sequence[Judged]) -> Side:
    failed: Counter[str] = Counter()
    for trial in trials:
        if not trial.valid:
            failed[trial.validity.reasons[0].label] += 1
    return Side(
        variant=trials[0].record.variant.id,
        blocks=len(trials),
        valid=sum(trial.valid for trial in trials),
        failed=tuple(sorted(failed.items())),
        reasons=tuple(dict.fromkeys(trial.validity.invalid_reason for trial in trials if not trial.valid)),
        facts=read_facts(trials),
        flags=gather_flags(trials),
        steadiness=_steadiness(trials),
    )


def _steadiness(trials: Sequence[Judged]) -> str:
    return steadiness([_samples(trial) for trial in trials if trial.valid])


def _why(side: Sequence[Judged]) -> str:
    """`claim:blas`, `unsupported`: the first finding that most of a side's trials have."""
    codes = Counter(trial.validity.reasons[0].code.removeprefix("status:") for trial in side)
    return codes.most_common(1)[0][0]


def _times(side: Sequence[Judged]) -> dict[int, tuple[float, ...]]:
    return {trial.record.block: _samples(trial) for trial in side if trial.valid}


def _samples(trial: Judged) -> tuple[float, ...]:
    return trial.record.reported.samples_s if trial.record.reported is not None else ()


def _seed(side: Sequence[Judged]) -> int:
    return side[0].record.method.seed


def _by_setting(trials: Iterable[Judged]) -> dict[Setting, list[Judged]]:
    made: dict[Setting, list[Judged]] = {}
    for trial in trials:
        made.setdefault((trial.record.workload.id, trial.record.threads, trial.default_mode), []).append(trial)
    return made


def _by_context(trials: Iterable[Judged]) -> dict[Context, list[Judged]]:
    made: dict[Context, list[Judged]] = {}
    for trial in trials:
        made.setdefault(read_context(trial.record), []).append(trial)
    return made
