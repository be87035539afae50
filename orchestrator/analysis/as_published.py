"""What was each published mistake worth, on one build, and would our checks have found it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.analysis.alike import split_builds
from orchestrator.analysis.claims import check_device
from orchestrator.analysis.compare import Thresholds, judge_family
from orchestrator.analysis.pairing import draft_across
from orchestrator.nouns.record import Status
from orchestrator.published.first_calls import CALLS
from orchestrator.stats.paired import paired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.findings import Finding
    from orchestrator.analysis.pairing import Draft
    from orchestrator.analysis.trials import Judged
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.workload import Network
    from orchestrator.published.cells import Recreated

GRADIENTS = "claim:gradients"
"""What the mistake breaks where its run is handed in under the right one's name."""


@dataclass(frozen=True)
class Worth:
    """A mistake as it was made again, beside the right network under the same build."""

    recreated: Recreated
    comparison: Comparison | None
    """time(mistaken) / time(right); None where it was not measured."""
    found: tuple[str, ...]
    """What our checks say of it: `output logits: ...`, `invalid(claim:gradients): ...`; empty where nothing."""
    problem: str
    """Why there is no comparison; empty where there is one."""


def weigh(
    trials: Sequence[Judged],
    recreated: Iterable[Recreated],
    *,
    variant: str,
    networks: Mapping[str, Network],
    expected: Mapping[str, Mapping[str, Expected]],
    thresholds: Thresholds | None = None,
) -> list[Worth]:
    """Every mistake in the order given, as one family. `expected` is of the right networks, by workload."""
    own = [trial for trial in trials if trial.record.variant.id == variant]
    made = list(recreated)
    drafts = [_draft(own, each) for each in made]
    compared = iter(judge_family([draft for draft in drafts if not isinstance(draft, str)], thresholds or Thresholds()))
    worth = []
    for each, draft in zip(made, drafts, strict=True):
        comparison, problem = (None, draft) if isinstance(draft, str) else (next(compared), "")
        found = _ask_checks(_side(own, each), each, networks, expected.get(each.right, {}))
        worth.append(Worth(each, comparison, found, problem))
    return worth


def first_calls(trial: Judged, calls: int = CALLS) -> tuple[float, ...]:
    """The times of a process's first calls, the very first among them; empty where they were not taken one by one."""
    reply = trial.record.reported
    if reply is None or reply.first_s is None or reply.loops != 1:
        return ()
    every = (reply.first_s, *reply.warmup_s, *reply.samples_s)
    return every[:calls] if len(every) >= calls else ()


def differ(
    right: Network, mistaken: Network, values: Mapping[str, Sequence[float]], expected: Mapping[str, Expected]
) -> list[str]:
    """What the equality gate says if `mistaken`, with these output values, is handed in for `right`.

    The gate of workloads/verify.py: parameters first, then every output, as a share of its expected spread.
    """
    found = []
    if mistaken.parameters != right.parameters:
        found.append(f"{mistaken.parameters:,} parameters, {right.parameters:,} were published")
    for name, wanted in expected.items():
        got = values.get(name, ())
        if len(got) != len(wanted.values):
            found.append(f"output {name}: {len(got)} values for {len(wanted.values)} positions")
            continue
        scale = max(wanted.spread, 1e-30)
        errors = [abs(one - two) / scale for one, two in zip(got, wanted.values, strict=True)]
        # `not <=` of each, not `>` of the largest: a value that is no number is wrong, and hides in a maximum.
        if beyond := [error for error in errors if not error <= wanted.tolerance]:
            error = max(beyond)
            found.append(f"output {name}: error {error:.2g} of the spread, {wanted.tolerance:g} may pass")
    return found


def _draft(own: Sequence[Judged], each: Recreated) -> Draft | str:
    """The draft of one mistake, or why there is none."""
    right, mistaken = _right(own, each), _side(own, each)
    if not right or not mistaken:
        return "not measured"
    lacking = [trial for trial in mistaken if trial.record.status is Status.UNSUPPORTED]
    if len(lacking) == len(mistaken):
        return f"not re-created: {lacking[0].record.reason}"
    if each.calls:
        return _draft_calls(right, each)
    drafts = draft_across(right, mistaken)
    return max(drafts, key=_size) if drafts else "not measured"


def _draft_calls(right: Sequence[Judged], each: Recreated) -> Draft | str:
    """The same trials on both sides: their first calls against their samples, of the setting with the most blocks."""
    sides = sorted(split_builds(right).items())
    chosen = max((side for _, side in sides), key=lambda side: sum(trial.valid for trial in side))
    draft = max(draft_across(chosen, chosen), key=_size)
    if draft.ratio is None:
        return draft
    chosen = [trial for trial in chosen if trial.valid]
    firsts = {trial.record.block: calls for trial in chosen if (calls := first_calls(trial, each.calls))}
    if not firsts:
        return f"no process has {each.calls} calls that were timed one by one"
    steady = {trial.record.block: trial.record.reported.samples_s for trial in chosen if trial.record.reported}
    return replace(draft, ratio=paired_ratio(firsts, steady))


def _size(draft: Draft) -> int:
    return draft.ratio.n if draft.ratio is not None else 0


def _right(own: Sequence[Judged], each: Recreated) -> list[Judged]:
    return [trial for trial in own if trial.record.workload.id == each.right and trial.default_mode == "default"]


def _side(own: Sequence[Judged], each: Recreated) -> list[Judged]:
    return [trial for trial in own if trial.record.workload.id == each.workload and trial.default_mode == each.mode]


def _ask_checks(
    mistaken: Sequence[Judged], each: Recreated, networks: Mapping[str, Network], expected: Mapping[str, Expected]
) -> tuple[str, ...]:
    """What the checks say of the outputs that the build itself gave, and of what it showed of itself."""
    found: list[str] = []
    if each.calls or not mistaken:
        return ()
    reply = next((trial.record.reported for trial in mistaken if trial.record.reported is not None), None)
    if reply is not None and reply.outputs and expected:
        found += differ(networks[each.base], networks[each.network], reply.outputs, expected)
    reasons = [reason for trial in mistaken for reason in _under_the_right_name(trial.record)]
    claims = [reason for reason in reasons if reason.code == GRADIENTS]
    return (*found, *dict.fromkeys(f"{reason.label}: {reason.text}" for reason in claims))


def _under_the_right_name(record: Record) -> list[Finding]:
    """What is wrong with a trial that was published as the mode that runs when nobody asks."""
    evidence = record.reported.evidence if record.reported is not None else None
    first = record.variant.modes[0]
    return check_device(record.model_copy(update={"mode": first}), evidence)[0] if evidence is not None else []
