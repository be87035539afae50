"""What do the trials of one cell come to?"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.evidence import read_facts
from orchestrator.analysis.trials import judge_trials, read_context
from orchestrator.stats.paired import t_interval
from orchestrator.stats.samples import (
    Quantile,
    effective_count,
    lag1_autocorrelation,
    modified_z_outliers,
    quantile_interval,
    steadiness,
    variance_parts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.trials import Context, Judged
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.record import Record


@dataclass(frozen=True)
class Diagnostics:
    """What the samples inside the processes look like; None where they are too few. None of it enters an interval."""

    outliers: int
    """Samples more than 14.8 median absolute deviations from their process's median; all of them stay in the mean."""
    samples: int
    autocorrelation: float | None
    """Lag 1, median over the processes."""
    effective: float
    """Independent samples that say as much as all of these."""
    between_sd: float | None
    """Of process means, as a share of the mean."""
    within_sd: float | None
    """Of samples in a process, as a share of the mean."""
    steadiness: str
    """`steady`, `drift` or `inconclusive`."""


@dataclass(frozen=True)
class Summary:
    """One cell as measured in one way on one host. Times are seconds per step; None where no trial is valid."""

    cell: str
    workload: str
    variant: str
    threads: int
    mode: str
    key: str
    context: Context
    blocks: int
    valid: int
    failed: tuple[tuple[str, int], ...]
    """Status -> trials, without `ok`."""
    invalid: tuple[tuple[str, int], ...]
    """Code of the reason -> trials that ran and may not be compared."""
    reasons: tuple[str, ...]
    """Why trials failed or are invalid; each sentence once."""
    flags: tuple[str, ...]
    mean_s: float | None
    """Mean of the process means."""
    low_s: float | None
    high_s: float | None
    """t interval of the process means, at 95 %; None below two blocks."""
    median_s: float | None
    min_s: float | None
    p90_s: Quantile | None
    first_s: float | None
    """Median over the processes of the first call."""
    facts: Mapping[str, str]
    """What was seen at run time: `BLAS`, `BLAS core`, `oneDNN`, `busy threads`, ..."""
    diagnostics: Diagnostics | None

    @property
    def verdict(self) -> str:
        """`valid`, or the first of what went wrong: `unsupported`, `invalid(claim:blas)`."""
        if self.valid:
            return "valid"
        if self.failed:
            return max(self.failed, key=lambda each: each[1])[0]
        return f"invalid({max(self.invalid, key=lambda each: each[1])[0]})" if self.invalid else "no trial"


def summarise_records(
    records: Iterable[Record], expected: Mapping[str, Mapping[str, Expected]] | None = None
) -> list[Summary]:
    """A summary per cell, method and host, ordered by workload, threads, mode and variant; nothing is discarded."""
    groups: dict[tuple[str, str, Context], list[Judged]] = {}
    for trial in judge_trials(records, expected):
        group = (trial.record.cell, trial.record.key, read_context(trial.record))
        groups.setdefault(group, []).append(trial)
    made = [_summarise(trials) for trials in groups.values()]
    return sorted(made, key=lambda each: (each.workload, each.threads, each.mode, each.variant, each.key, each.context))


def _summarise(trials: Sequence[Judged]) -> Summary:
    first = trials[0].record
    processes, firsts = [], []
    for trial in trials:
        if trial.valid and trial.record.reported is not None:
            processes.append(trial.record.reported.samples_s)
            firsts.append(trial.record.reported.first_s)
    failed = Counter(str(trial.record.status) for trial in trials if trial.record.status != "ok")
    invalid = Counter(
        trial.validity.reasons[0].code for trial in trials if not trial.valid and trial.record.status == "ok"
    )
    means = [statistics.fmean(samples) for samples in processes]
    samples = [value for process in processes for value in process]
    low, high = _interval(means)
    return Summary(
        cell=first.cell,
        workload=first.workload.id,
        variant=first.variant.id,
        threads=first.threads,
        mode=first.mode,
        key=first.key,
        context=read_context(first),
        blocks=len(trials),
        valid=len(processes),
        failed=tuple(sorted(failed.items())),
        invalid=tuple(sorted(invalid.items())),
        reasons=tuple(dict.fromkeys(trial.validity.invalid_reason for trial in trials if not trial.valid)),
        flags=tuple(dict.fromkeys(str(flag) for trial in trials for flag in trial.validity.flags)),
        mean_s=statistics.fmean(means) if means else None,
        low_s=low,
        high_s=high,
        median_s=statistics.median(samples) if samples else None,
        min_s=min(samples, default=None),
        p90_s=quantile_interval(samples, 0.9) if samples else None,
        first_s=_median(firsts),
        facts=read_facts(trials),
        diagnostics=_diagnose(processes) if processes else None,
    )


def _interval(means: Sequence[float]) -> tuple[float | None, float | None]:
    if len(means) < 2:
        return None, None
    return t_interval(statistics.fmean(means), statistics.stdev(means), len(means), 0.95)


def _diagnose(processes: Sequence[Sequence[float]]) -> Diagnostics:
    mean = statistics.fmean(statistics.fmean(samples) for samples in processes)
    parts = variance_parts(processes)
    return Diagnostics(
        outliers=sum(sum(modified_z_outliers(samples)) for samples in processes),
        samples=sum(len(samples) for samples in processes),
        autocorrelation=_median([lag1_autocorrelation(samples) for samples in processes]),
        effective=sum(effective_count(samples) for samples in processes),
        between_sd=parts[0] ** 0.5 / mean if parts else None,
        within_sd=parts[1] ** 0.5 / mean if parts else None,
        steadiness=steadiness(processes),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
