"""Were two builds measured alike, so that nothing but the build can have made the difference?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.trials import differing_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.analysis.trials import Context, Judged

# Of /proc/self/status: a filter that slows down one side only would be taken for the build's doing.
_PROFILE = ("Seccomp", "NoNewPrivs", "Speculation_Store_Bypass", "SpeculationIndirectBranch")
_WARMUP = "method.warmup"


def say_contexts_apart(left: Iterable[Context], right: Iterable[Context]) -> str:
    """Why no context of one side is one of the other: by the pair of contexts that differs in the fewest fields."""
    pairs = [(one, two) for one in left for two in right]
    one, two = min(pairs, key=lambda pair: (len(differing_fields(*pair)), pair))
    fields = differing_fields(one, two)
    problems = []
    if _WARMUP in fields:
        problems.append(_say_warmups(dict(one)[_WARMUP], dict(two)[_WARMUP]))
        fields.remove(_WARMUP)
    return "; ".join([*problems, f"confounded: {', '.join(fields)}"] if fields else problems)


def find_unlikeness(left: Sequence[Judged], right: Sequence[Judged]) -> str:
    """What the valid trials of two sides do not share although their settings agree; empty where they share all."""
    unequal = _unequal(_profile(trial) for trial in (*left, *right) if trial.valid)
    if unequal:
        return f"confounded: {', '.join(unequal)}"
    flushing = {word for trial in (*left, *right) if trial.valid and (word := _denormals(trial))}
    if len(flushing) > 1:
        return f"confounded: denormals ({', '.join(sorted(flushing))})"
    one, two = _warmups(left), _warmups(right)
    return _say_warmups(_list(one), _list(two)) if one and two and one | two != one & two else ""


def split_builds(trials: Iterable[Judged]) -> dict[tuple[str, str], list[Judged]]:
    """(key, image id) -> trials: the same text on another base, or built on another day, is another build.

    What never had an image to run in has failed in whichever build is looked at.
    """
    by_key: dict[str, list[Judged]] = {}
    for trial in trials:
        by_key.setdefault(trial.record.key, []).append(trial)
    made = {}
    for key, group in by_key.items():
        for image in list_images(group) or ("",):
            made[key, image] = [trial for trial in group if trial.record.provenance.image_id in {image, None}]
    return made


def list_images(trials: Iterable[Judged]) -> tuple[str, ...]:
    """The ids of the images that trials ran in."""
    return tuple(sorted({image for trial in trials if (image := trial.record.provenance.image_id)}))


def note_loops(left: Sequence[Judged], right: Sequence[Judged]) -> list[str]:
    """A sentence where a sample holds another number of steps on one side: it is a mean, and its spread is narrower."""
    one, two = _loops(left), _loops(right)
    if one == two:
        return []
    return [f"a sample is the mean of {_list(one)} steps of the reference and of {_list(two)} of the candidate"]


def common_blocks(left: Sequence[Judged], right: Sequence[Judged]) -> set[int]:
    """Blocks that both sides have."""
    return _runs(left).keys() & _runs(right).keys()


def count_apart(left: Sequence[Judged], right: Sequence[Judged]) -> int:
    """Common blocks whose two halves ran at different times: whatever drifts does not cancel in them."""
    one, two = _runs(left), _runs(right)
    return sum(one[block] != two[block] for block in common_blocks(left, right))


def _say_warmups(left: str, right: str) -> str:
    return f"not comparable: warm-up of {left} against {right} steps"


def _warmups(side: Sequence[Judged]) -> set[int]:
    """Warm-up steps that were run, of the processes whose warm-up did not also have to find the size of a batch."""
    replies = [trial.record.reported for trial in side if trial.valid]
    return {len(reply.warmup_s) for reply in replies if reply is not None and reply.loops == 1}


def _loops(side: Sequence[Judged]) -> set[int]:
    return {trial.record.reported.loops for trial in side if trial.valid and trial.record.reported is not None}


def _list(numbers: Iterable[int]) -> str:
    found = sorted(numbers)
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _profile(trial: Judged) -> tuple[tuple[str, str], ...]:
    reply = trial.record.reported
    security = reply.evidence.security if reply is not None and reply.evidence is not None else {}
    return tuple((name, security.get(name, "unknown")) for name in _PROFILE)


def _denormals(trial: Judged) -> str:
    """A thread that takes subnormal numbers for zero does other work: 50 times less of it in the worst case."""
    reply = trial.record.reported
    return reply.evidence.arithmetic.get("denormals", "") if reply is not None and reply.evidence is not None else ""


def _unequal(profiles: Iterable[tuple[tuple[str, str], ...]]) -> list[str]:
    values: dict[str, set[str]] = {}
    for name, value in (pair for profile in profiles for pair in profile):
        values.setdefault(name, set()).add(value)
    return [name for name, seen in values.items() if len(seen) > 1]


def _runs(side: Sequence[Judged]) -> dict[int, str]:
    """Block -> the `bench matrix` call that ran it."""
    return {trial.record.block: trial.record.provenance.run for trial in side}
