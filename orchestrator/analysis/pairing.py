"""Which trials of two builds may be set against each other, block by block, and which may not?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.evidence import read_facts
from orchestrator.analysis.trials import differing_fields, read_context
from orchestrator.stats.paired import paired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.trials import Context, Judged
    from orchestrator.stats.paired import Ratio

# Of /proc/self/status: a filter that slows down one side only would be taken for the build's doing.
_PROFILE = ("Seccomp", "NoNewPrivs", "Speculation_Store_Bypass", "SpeculationIndirectBranch")

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


def draft_comparisons(reference: Sequence[Judged], candidate: Sequence[Judged]) -> list[Draft]:
    """A draft per workload, thread count and mode that both have, and per host and method that they share."""
    left, right = _by_setting(reference), _by_setting(candidate)
    drafts = []
    for setting in sorted(left.keys() & right.keys()):
        one, two = _by_context(left[setting]), _by_context(right[setting])
        shared = sorted(one.keys() & two.keys())
        if not shared:
            fields = _closest(one, two)
            problem = f"confounded: {', '.join(fields)}"
            drafts.append(_refused(setting, left[setting], right[setting], problem))
        drafts += [_draft(setting, one[context], two[context]) for context in shared]
    return drafts


def _draft(setting: Setting, reference: Sequence[Judged], candidate: Sequence[Judged]) -> Draft:
    left, right, notes = _one_build_each(reference, candidate)
    problem = _problem(left, right)
    if problem:
        return _refused(setting, left, right, problem, notes)
    times = [{trial.record.block: _samples(trial) for trial in side if trial.valid} for side in (left, right)]
    paired = times[0].keys() & times[1].keys()
    if not paired:
        return _refused(setting, left, right, "no block is valid on both sides", notes)
    blocks = {trial.record.block for trial in (*left, *right)}
    dropped = tuple(sorted(blocks - paired))
    if dropped:
        names = ", ".join(str(block) for block in dropped)
        notes.append(f"left out as a whole, for want of a valid trial on both sides: block {names}")
    notes += _remarks(left, right)
    ratio = paired_ratio(times[1], times[0])  # time(candidate) / time(reference)
    return Draft(*setting, _side(left), _side(right), ratio, "", _seed(left), dropped, tuple(notes))


def _refused(
    setting: Setting, left: Sequence[Judged], right: Sequence[Judged], problem: str, notes: Iterable[str] = ()
) -> Draft:
    return Draft(*setting, _side(left), _side(right), None, problem, _seed(left), (), tuple(notes))


def _problem(left: Sequence[Judged], right: Sequence[Judged]) -> str:
    """Why these two sides cannot be compared; empty where they can."""
    bad = [_why(side) for side in (left, right) if not any(trial.valid for trial in side)]
    if bad:
        return ", ".join(dict.fromkeys(bad))
    if _apart(left, right) * 2 > len(common_blocks(left, right)):
        return "not interleaved: most blocks ran the two builds in runs of their own"
    unequal = _unequal(_profile(trial) for trial in (*left, *right) if trial.valid)
    return f"confounded: {', '.join(unequal)}" if unequal else ""


def _one_build_each(
    reference: Sequence[Judged], candidate: Sequence[Judged]
) -> tuple[list[Judged], list[Judged], list[str]]:
    """The pair of builds with the most blocks valid on both sides; a build that was made again is another build."""
    left, right = _by_key(reference), _by_key(candidate)
    best = max(((a, b) for a in left for b in right), key=lambda pair: _rank(left[pair[0]], right[pair[1]]))
    notes = [
        f"{side[0].record.variant.id} was built or set up in {len(keys)} ways; the one with the most blocks is shown"
        for keys, side in ((left, reference), (right, candidate))
        if len(keys) > 1
    ]
    return left[best[0]], right[best[1]], notes


def _rank(left: Sequence[Judged], right: Sequence[Judged]) -> tuple[int, str]:
    blocks = [{trial.record.block for trial in side if trial.valid} for side in (left, right)]
    latest = max(trial.record.provenance.started_at for trial in (*left, *right))
    return len(blocks[0] & blocks[1]), latest


def _remarks(left: Sequence[Judged], right: Sequence[Judged]) -> list[str]:
    notes = []
    shares = [sum(not trial.valid for trial in side) / len(side) for side in (left, right)]
    if shares[0] != shares[1]:
        counts = [f"{sum(not trial.valid for trial in side)}/{len(side)}" for side in (left, right)]
        notes.append(f"failures differ: {counts[0]} of the reference's trials against {counts[1]}")
    if apart := _apart(left, right):
        notes.append(f"{apart} blocks were run in parts, at different times: drift does not cancel in them")
    return notes


def _runs(side: Sequence[Judged]) -> dict[int, str]:
    """Block -> the `bench matrix` call that ran it."""
    return {trial.record.block: trial.record.provenance.run for trial in side}


def common_blocks(left: Sequence[Judged], right: Sequence[Judged]) -> set[int]:
    """Blocks that both sides have."""
    return _runs(left).keys() & _runs(right).keys()


def _apart(left: Sequence[Judged], right: Sequence[Judged]) -> int:
    """Common blocks whose two halves ran at different times: whatever drifts does not cancel in them."""
    one, two = _runs(left), _runs(right)
    return sum(one[block] != two[block] for block in common_blocks(left, right))


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
        flags=tuple(dict.fromkeys(str(flag) for trial in trials for flag in trial.validity.flags)),
    )


def _why(side: Sequence[Judged]) -> str:
    """`claim:blas`, `unsupported`: the first finding that most of a side's trials have."""
    codes = Counter(trial.validity.reasons[0].code.removeprefix("status:") for trial in side)
    return codes.most_common(1)[0][0]


def _samples(trial: Judged) -> tuple[float, ...]:
    return trial.record.reported.samples_s if trial.record.reported is not None else ()


def _seed(side: Sequence[Judged]) -> int:
    return side[0].record.method.seed


def _profile(trial: Judged) -> tuple[tuple[str, str], ...]:
    reply = trial.record.reported
    security = reply.evidence.security if reply is not None and reply.evidence is not None else {}
    return tuple((name, security.get(name, "unknown")) for name in _PROFILE)


def _unequal(profiles: Iterable[tuple[tuple[str, str], ...]]) -> list[str]:
    values: dict[str, set[str]] = {}
    for name, value in (pair for profile in profiles for pair in profile):
        values.setdefault(name, set()).add(value)
    return [name for name, seen in values.items() if len(seen) > 1]


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


def _by_key(trials: Iterable[Judged]) -> dict[str, list[Judged]]:
    made: dict[str, list[Judged]] = {}
    for trial in trials:
        made.setdefault(trial.record.key, []).append(trial)
    return made


def _closest(left: Iterable[Context], right: Iterable[Context]) -> list[str]:
    """The fewest fields in which any two contexts differ."""
    return min((differing_fields(one, two) for one in left for two in right), key=len)
