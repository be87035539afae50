"""What do the trials of one cell come to?"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.alike import list_images
from orchestrator.analysis.diagnostics import diagnose, median_of, remark_diagnostics
from orchestrator.analysis.evidence import read_facts
from orchestrator.analysis.scenario import Scenario, name_scenario, remark_latency, summarise_latency
from orchestrator.analysis.suspicion import gather_flags
from orchestrator.analysis.trials import judge_trials, read_context
from orchestrator.stats.paired import t_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.diagnostics import Diagnostics
    from orchestrator.analysis.scenario import Latency
    from orchestrator.analysis.trials import Context, Judged
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record


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
    """Median of all samples."""
    typical_s: tuple[float, float | None, float | None] | None
    """Geometric mean of the process medians, and its t interval on the logarithms, at 95 %; None below two blocks."""
    min_s: float | None
    scenario: Scenario
    latency: Latency | None
    """Percentiles of the samples."""
    samples_per_s: tuple[float, float | None, float | None] | None
    """Throughput, with the 95 % interval of the mean turned round; None in the latency scenario."""
    first_s: float | None
    """Median over the processes of the first call."""
    dtype: str
    """What the workload is computed in."""
    error: float | None
    """The worst difference from the float64 reference over all valid trials, in spreads of the output."""
    facts: Mapping[str, str]
    """What was seen at run time: `BLAS`, `BLAS core`, `oneDNN`, `busy threads`, ..."""
    diagnostics: Diagnostics | None
    remarks: tuple[str, ...]
    """What a reader should know of the numbers: no steady state, outliers, percentiles that cannot be had, advice."""

    @property
    def verdict(self) -> str:
        """`valid`, or the first of what went wrong: `unsupported`, `invalid(claim:blas)`."""
        if self.valid:
            return "valid"
        if self.failed:
            return max(self.failed, key=lambda each: each[1])[0]
        return f"invalid({max(self.invalid, key=lambda each: each[1])[0]})" if self.invalid else "no trial"


def summarise_records(
    records: Iterable[Record],
    expected: Mapping[str, Mapping[str, Expected]] | None = None,
    limits: Limits | None = None,
) -> list[Summary]:
    """A summary per cell, method and host, ordered by workload, threads, mode and variant; nothing is discarded."""
    groups: dict[tuple[str, str, Context], list[Judged]] = {}
    for trial in judge_trials(records, expected, limits):
        group = (trial.record.cell, trial.record.key, read_context(trial.record))
        groups.setdefault(group, []).append(trial)
    made = [_summarise(trials) for trials in groups.values()]
    return sorted(made, key=lambda each: (each.workload, each.threads, each.mode, each.variant, each.key, each.context))


def _summarise(trials: Sequence[Judged]) -> Summary:
    first = trials[0].record
    replies = [trial.record.reported for trial in trials if trial.valid and trial.record.reported is not None]
    processes = [reply.samples_s for reply in replies]
    failed = Counter(str(trial.record.status) for trial in trials if trial.record.status != "ok")
    invalid = Counter(
        trial.validity.reasons[0].code for trial in trials if not trial.valid and trial.record.status == "ok"
    )
    means = [statistics.fmean(samples) for samples in processes]
    samples = [value for process in processes for value in process]
    mean = statistics.fmean(means) if means else None
    low, high = _interval(means)
    scenario = name_scenario(first.workload)
    latency = summarise_latency(processes, max(reply.loops for reply in replies)) if samples else None
    diagnostics = diagnose(trials)
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
        flags=gather_flags(trials),
        mean_s=mean,
        low_s=low,
        high_s=high,
        median_s=statistics.median(samples) if samples else None,
        typical_s=_typical([statistics.median(samples) for samples in processes]),
        min_s=min(samples, default=None),
        scenario=scenario,
        latency=latency,
        samples_per_s=_rate(first.workload.batch, mean, low, high) if scenario is Scenario.THROUGHPUT else None,
        first_s=median_of(reply.first_s for reply in replies),
        dtype=str(first.workload.dtype),
        error=max((error for reply in replies for error in reply.errors.values()), default=None),
        facts=read_facts(trials),
        diagnostics=diagnostics,
        remarks=(
            *_remark_images(trials),
            *(remark_diagnostics(diagnostics, mean) if diagnostics and mean else ()),
            *(remark_latency(latency) if latency and scenario is Scenario.LATENCY else ()),
        ),
    )


def _remark_images(trials: Sequence[Judged]) -> list[str]:
    images = list_images(trials)
    if len(images) < 2:
        return []
    ids = ", ".join(image.removeprefix("sha256:")[:12] for image in images)
    return [f"it ran in {len(images)} images of one text ({ids}): they were built on other bases or days"]


def _interval(means: Sequence[float]) -> tuple[float | None, float | None]:
    if len(means) < 2:
        return None, None
    return t_interval(statistics.fmean(means), statistics.stdev(means), len(means), 0.95)


def _typical(medians: Sequence[float]) -> tuple[float, float | None, float | None] | None:
    """On logarithms, as times differ by factors: no end below 0, and the same mean that comparisons have."""
    if not medians:
        return None
    logs = [math.log(value) for value in medians]
    center = math.exp(statistics.fmean(logs))
    low, high = _interval(logs)
    return (center, None, None) if low is None or high is None else (center, math.exp(low), math.exp(high))


def _rate(
    batch: int, mean: float | None, low: float | None, high: float | None
) -> tuple[float, float | None, float | None] | None:
    if not mean:
        return None
    # A wide interval of few processes may reach below 0 seconds: then the rate has no upper end.
    return batch / mean, batch / high if high else None, batch / low if low and low > 0 else None
