"""Which of two questions does a workload ask: how long does one request take, or how many samples pass in a second?

The names and the division are MLPerf inference's (SingleStream and Offline): Reddi et al., ISCA 2020. Percentiles come
with intervals of order statistics, which take samples for independent. Samples of one process resemble each other, and
so those intervals are too narrow where `independent_samples` is far below the count; then a remark says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.stats.samples import Quantile, effective_count, quantile_interval, variance_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.nouns.workload import Workload

PERCENTILES = (0.5, 0.9, 0.99)
FEW = 0.5
"""Where samples say as much as less than this share of them would, were they independent, a remark says so."""


class Scenario(StrEnum):
    """What a workload's numbers are about."""

    LATENCY = "latency"
    """Batch 1, one request after another: percentiles of a request's time."""
    THROUGHPUT = "throughput"
    """Several samples at once: samples per second."""


@dataclass(frozen=True)
class Latency:
    """Percentiles over all samples of all processes, each with a 95 % interval or the reason why it has none."""

    p50: Quantile
    p90: Quantile
    p99: Quantile
    independent: float
    """Independent samples that would say as much as these."""
    loops: int
    """Requests in a sample: from 2 on, a percentile is one of means, and narrower than that of requests."""


def name_scenario(workload: Workload) -> Scenario:
    """`latency` for a batch of 1, else `throughput`."""
    return Scenario.LATENCY if workload.batch == 1 else Scenario.THROUGHPUT


def summarise_latency(processes: Sequence[Sequence[float]], loops: int) -> Latency:
    """The percentiles of these samples, pooled; `loops` is the most steps that any sample holds."""
    samples = [value for process in processes for value in process]
    p50, p90, p99 = (quantile_interval(samples, q) for q in PERCENTILES)
    return Latency(p50, p90, p99, independent_samples(processes), loops)


def independent_samples(processes: Sequence[Sequence[float]]) -> float:
    """The lesser of two counts: by autocorrelation inside the processes, and by their likeness as clusters.

    A cluster of m samples with the intraclass correlation r is worth m / (1 + (m - 1) r) of them: Kish, "Survey
    Sampling", 1965, section 5.4.
    """
    total = sum(map(len, processes))
    serial = sum(effective_count(process) for process in processes)
    parts = variance_parts(processes)
    if parts is None or not any(parts):
        return serial
    likeness = parts[0] / sum(parts)
    return min(serial, total / (1 + (total / len(processes) - 1) * likeness))


def remark_latency(latency: Latency) -> list[str]:
    """What a reader of the percentiles has to know of them."""
    remarks = [f"p{100 * each.q:g}: {each}" for each in (latency.p50, latency.p90, latency.p99) if not each.estimable]
    if latency.loops > 1:
        remarks.append(
            f"a sample is the mean of up to {latency.loops} requests: percentiles of single requests lie farther out"
        )
    if latency.independent < FEW * latency.p50.n:
        remarks.append(
            f"percentiles: intervals take samples for independent; these {latency.p50.n} say as much as about "
            f"{latency.independent:.0f} would"
        )
    return remarks
