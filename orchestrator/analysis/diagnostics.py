"""What do the samples inside a cell's processes look like, and what must be known before their mean is believed?"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.stats.replication import suggest_replication
from orchestrator.stats.samples import (
    effective_count,
    lag1_autocorrelation,
    modified_z_outliers,
    steadiness,
    variance_parts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.analysis.trials import Judged
    from orchestrator.stats.replication import Replication

WORTH_IT = 0.8
"""Advice is given where following it would save at least a fifth of the time."""
ENOUGH = 1000
"""Samples per process beyond which the exact optimum is of no use to anybody."""


@dataclass(frozen=True)
class Diagnostics:
    """What the samples inside the processes look like; None where they are too few. None of it enters an interval."""

    outliers: int
    """Samples more than 14.8 median absolute deviations from their process's median; all of them stay in the mean."""
    mean_without_s: float
    """What the mean would be without them: shown beside the headline, never in its place."""
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
    replication: Replication | None
    """More processes or more iterations, by what both cost here."""


def diagnose(trials: Sequence[Judged]) -> Diagnostics | None:
    """What is found in the valid trials; None where there is none."""
    replies = [trial.record.reported for trial in trials if trial.valid]
    processes = [reply.samples_s for reply in replies if reply is not None]
    if not processes:
        return None
    mean = statistics.fmean(statistics.fmean(samples) for samples in processes)
    parts = variance_parts(processes)
    flagged = [modified_z_outliers(samples) for samples in processes]
    kept = [
        statistics.fmean(value for value, out in zip(samples, outs, strict=True) if not out)
        for samples, outs in zip(processes, flagged, strict=True)
    ]
    process_s, sample_s = _costs(trials)
    return Diagnostics(
        outliers=sum(map(sum, flagged)),
        mean_without_s=statistics.fmean(kept),
        samples=sum(len(samples) for samples in processes),
        autocorrelation=median_of(lag1_autocorrelation(samples) for samples in processes),
        effective=sum(effective_count(samples) for samples in processes),
        between_sd=parts[0] ** 0.5 / mean if parts else None,
        within_sd=parts[1] ** 0.5 / mean if parts else None,
        steadiness=steadiness(processes),
        replication=suggest_replication(processes, process_s=process_s, sample_s=sample_s),
    )


def remark_diagnostics(found: Diagnostics, mean_s: float) -> list[str]:
    """No steady state, outliers with and without, and where the next second of measuring is spent best."""
    remarks = []
    if found.steadiness == "drift":
        remarks.append("no steady state: the first third of the samples and the last differ, over all processes")
    if found.outliers:
        share = found.mean_without_s / mean_s - 1
        remarks.append(
            f"{found.outliers} of {found.samples} samples are outliers; the mean holds them, without them it would be "
            f"{found.mean_without_s:.4g} s ({100 * share:+.2g} %)"
        )
    if found.replication is not None and found.replication.share <= WORTH_IT:
        remarks.append(say_replication(found.replication))
    return remarks


def say_replication(advice: Replication) -> str:
    """`more processes: with 3 samples each instead of 30, the same precision costs 0.4 of the time`."""
    best = "many more" if not math.isfinite(advice.optimal) or advice.optimal > ENOUGH else f"{advice.optimal:.0f}"
    return (
        f"{advice.advice}: with {best} samples per process instead of {advice.samples:.0f}, "
        f"the same precision costs {advice.share:.2f} of the time"
    )


def median_of(values: Iterable[float | None]) -> float | None:
    """The median of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _costs(trials: Sequence[Judged]) -> tuple[float, float]:
    """Medians over the valid processes: seconds of a process outside its samples, and of one sample; 0: not known."""
    outside, inside = [], []
    for trial in trials:
        reply, seen = trial.record.reported, trial.record.observed
        if not trial.valid or reply is None or seen is None or not reply.samples_s:
            continue
        timed_s = sum(reply.samples_s) * reply.loops
        outside.append(seen.overhead_s + seen.wall_s - timed_s)
        inside.append(timed_s / len(reply.samples_s))
    return median_of(outside) or 0.0, median_of(inside) or 0.0
