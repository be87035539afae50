"""What does a whole store say: where it was measured, what came out, how builds compare, and what each build was?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.axes import AXES, compare_by
from orchestrator.analysis.compare import Thresholds
from orchestrator.analysis.evidence import read_facts
from orchestrator.analysis.peaks import without_peaks
from orchestrator.analysis.roofline import place_summaries
from orchestrator.analysis.summary import summarise_records
from orchestrator.analysis.trials import judge_trials, read_context
from orchestrator.store.facts import product_libraries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.compare import Comparisons
    from orchestrator.analysis.roofline import Place
    from orchestrator.analysis.summary import Summary
    from orchestrator.analysis.trials import Context, Judged
    from orchestrator.nouns.image import Packages
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Network

_FIRST_AXES = ("blas", "framework")


@dataclass(frozen=True)
class Setting:
    """Machine, engine, workload code and method that trials have in common, whatever CPUs they were pinned to."""

    context: Context
    trials: int
    cpus: tuple[str, ...]


@dataclass(frozen=True)
class Build:
    """A row of the catalogue as it was measured."""

    variant: Variant
    facts: Mapping[str, str]
    """What was seen in its valid trials."""
    libraries: tuple[str, ...]
    """Files of the BLAS that its products ran in."""
    images: tuple[tuple[str, str], ...]
    """Name and identifier; the identifier is empty where the engine has none."""
    trials: int
    valid: int


@dataclass(frozen=True)
class Overview:
    """Everything that a report shows of the records of one store."""

    attempts: int
    trials: int
    valid: int
    started: tuple[str, str]
    """Of the first and the last attempt; empty where there is none."""
    origins: tuple[tuple[str, int], ...]
    """What trials were imported from -> how many: none of them was measured for this store."""
    tools: tuple[str, ...]
    """Versions of bench that wrote the records."""
    settings: tuple[Setting, ...]
    """The one with the most trials first."""
    results: tuple[tuple[Summary, Place], ...]
    """In the order of summarise_records."""
    comparisons: tuple[tuple[str, Comparisons], ...]
    """Axis -> all builds that differ in it alone, one family each; axes on which no two builds differ are left out."""
    builds: tuple[Build, ...]
    sboms: Mapping[str, Packages]
    """Identifier of an image -> what was installed in it, where that is known."""


def read_setting(context: Context) -> Context:
    """A context without the CPUs."""
    return tuple(item for item in context if item[0] != "cpus")


def survey_records(
    records: Sequence[Record],
    networks: Mapping[str, Network],
    *,
    limits: Limits | None = None,
    sboms: Mapping[str, Packages] | None = None,
) -> Overview:
    """The overview of these records, which the networks of this version place under the roof of their machine.

    `sboms`: image id -> its packages, of those that are known.
    """
    summaries = summarise_records(records, limits=limits)
    trials = judge_trials(records, limits=limits)
    moments = sorted(record.provenance.started_at for record in records)
    return Overview(
        attempts=len(records),
        trials=len(trials),
        valid=sum(trial.valid for trial in trials),
        started=(moments[0], moments[-1]) if moments else ("", ""),
        origins=tuple(sorted(Counter(trial.record.origin for trial in trials if trial.record.origin).items())),
        tools=tuple(sorted({record.provenance.bench for record in records})),
        settings=_find_settings(trials),
        results=tuple(zip(summaries, place_summaries(summaries, records, networks, limits=limits), strict=True)),
        comparisons=_compare_axes(without_peaks(records), limits, sboms),
        builds=_find_builds(trials),
        sboms=sboms or {},
    )


def _compare_axes(
    records: Sequence[Record], limits: Limits | None, sboms: Mapping[str, Packages] | None
) -> tuple[tuple[str, Comparisons], ...]:
    axes = [*_FIRST_AXES, *(name for name in AXES if name not in _FIRST_AXES)]
    found = [(axis, compare_by(records, axis, thresholds=Thresholds(limits=limits), sboms=sboms)) for axis in axes]
    return tuple((axis, comparisons) for axis, comparisons in found if comparisons.items)


def _find_settings(trials: Sequence[Judged]) -> tuple[Setting, ...]:
    counts: Counter[Context] = Counter()
    cpus: dict[Context, set[str]] = {}
    for trial in trials:
        context = read_context(trial.record)
        counts[read_setting(context)] += 1
        cpus.setdefault(read_setting(context), set()).add(dict(context)["cpus"])
    ordered = sorted(counts, key=lambda context: (-counts[context], context))
    return tuple(Setting(context, counts[context], tuple(sorted(cpus[context]))) for context in ordered)


def _find_builds(trials: Sequence[Judged]) -> tuple[Build, ...]:
    gathered: dict[str, list[Judged]] = {}
    for trial in trials:
        gathered.setdefault(trial.record.variant.id, []).append(trial)
    return tuple(_find_build(gathered[name]) for name in sorted(gathered))


def _find_build(trials: Sequence[Judged]) -> Build:
    valid = [trial for trial in trials if trial.valid]
    files: set[str] = set()
    for trial in valid:
        reply = trial.record.reported
        if reply is not None and reply.evidence is not None:
            files |= {library.path for library in product_libraries(trial.record.variant, reply.evidence)}
    images = {(each.record.provenance.image, each.record.provenance.image_id or "") for each in trials}
    last = max(trials, key=lambda trial: (trial.record.provenance.started_at, trial.record.key))
    return Build(
        variant=last.record.variant,
        facts=read_facts(valid),
        libraries=tuple(sorted(files)),
        images=tuple(sorted(images)),
        trials=len(trials),
        valid=len(valid),
    )
