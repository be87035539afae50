"""How near to what the machine can do did a result come, and what holds it back?

attainable = min(peak, intensity x bandwidth): Williams, Waterman, Patterson, "Roofline: An Insightful Visual
Performance Model for Multicore Architectures", CACM 52(4), 2009. Peak and bandwidth are those that the same image
reached on the same host with as many threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.peaks import find_peaks, read_seat, read_theory
from orchestrator.analysis.trials import read_host
from orchestrator.catalog.cost import count_gradient, count_network
from orchestrator.errors import SpecError
from orchestrator.nouns.workload import Dtype, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.peaks import Bench, Peak, Seat
    from orchestrator.analysis.summary import Summary
    from orchestrator.analysis.trials import Context
    from orchestrator.catalog.cost import Cost
    from orchestrator.host.theory import Theory
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.workload import Network

    Times = tuple[float | None, float | None, float | None]

COMPUTE_BOUND = "compute-bound"
MEMORY_BOUND = "memory-bound"


@dataclass(frozen=True)
class Place:
    """Where a result stands under the roof of its image. Rates are FLOP/s, shares 1 for all of it."""

    cost: Cost | None = None
    rate: float | None = None
    """Of the products alone, two per multiply-accumulate, over the mean time of a step."""
    low: float | None = None
    high: float | None = None
    """The interval of the mean time, turned round."""
    sgemm_share: float | None = None
    """Of the SGEMM peak of the same image."""
    sgemm_processes: int = 0
    """On which that peak rests."""
    best_share: float | None = None
    """Of the SGEMM peak of the fastest image on this host with as many threads."""
    theory_share: float | None = None
    """Of what the data sheet and the clock say. A nominal clock can be passed."""
    ridge: float | None = None
    """FLOP per byte from which on memory is fast enough."""
    bound: str | None = None
    """`compute-bound` or `memory-bound`, with the traffic that cannot be avoided."""
    unfused_bound: str | None = None
    """The same where every operator reads its inputs from memory and writes its output there."""
    attainable_share: float | None = None
    """Of the roof at the intensity of the unavoidable traffic: the roof at any other is lower."""
    reasons: tuple[str, ...] = ()
    """Why something is None."""


NOWHERE = Place(reasons=("no peaks were asked for",))


def place_summaries(
    summaries: Sequence[Summary],
    records: Iterable[Record],
    networks: Mapping[str, Network],
    *,
    limits: Limits | None = None,
) -> list[Place]:
    """A place for each summary, in their order. `records` are those that the summaries were made of."""
    kept = list(records)
    peaks = {peak.seat: peak for peak in find_peaks(kept, networks, limits=limits)}
    best: dict[Bench, float] = {}
    for peak in peaks.values():
        if peak.sgemm is not None:
            best[peak.seat.bench] = max(peak.sgemm.mean, best.get(peak.seat.bench, 0.0))
    # one record of each, with a reply where there is one: it says what was run, and where
    ordered = sorted(kept, key=lambda record: record.reported is not None)
    sources = {(record.key, read_host(record)): record for record in ordered}
    return [_place_summary(each, sources[each.key, _host_of(each)], peaks, best, networks) for each in summaries]


def place_rate(cost: Cost, times: Times, *, peak: Peak | None, best: float | None, theory: Theory) -> Place:
    """Where a step of this cost and these times stands; `best` is the highest SGEMM peak of the same bench."""
    mean, low, high = times
    rate = cost.flops / mean if mean else None
    sgemm = peak.sgemm.mean if peak and peak.sgemm else None
    copy = peak.copy.mean if peak and peak.copy else None
    ridge = sgemm / copy if sgemm and copy else None
    roof = min(sgemm, cost.intensity * copy) if sgemm and copy else None
    reasons = []
    if rate is None:
        reasons.append("no valid trial")
    if sgemm is None:
        reasons.append("no SGEMM peak of this image with as many threads: bench peak")
    elif copy is None:
        reasons.append("no copy peak of this image with as many threads: bench peak")
    if theory.flops_per_s is None:
        reasons.append(f"no theoretical peak: {theory.how}")
    return Place(
        cost=cost,
        rate=rate,
        low=cost.flops / high if high else None,
        high=cost.flops / low if low and low > 0 else None,  # few processes: the interval may reach below 0 s
        sgemm_share=_share(rate, sgemm),
        sgemm_processes=peak.sgemm.processes if peak and peak.sgemm else 0,
        best_share=_share(rate, best),
        theory_share=_share(rate, theory.flops_per_s),
        ridge=ridge,
        bound=_bound(cost.intensity, ridge),
        unfused_bound=_bound(cost.unfused_intensity, ridge),
        attainable_share=_share(rate, roof),
        reasons=tuple(reasons),
    )


def _place_summary(
    summary: Summary,
    record: Record,
    peaks: Mapping[Seat, Peak],
    best: Mapping[Bench, float],
    networks: Mapping[str, Network],
) -> Place:
    if record.workload.mode is Mode.SCRIPT:
        return Place(reasons=("a script of the user's own: its operations are not known",))
    network = networks.get(record.workload.network)
    if network is None:
        return Place(
            reasons=(f"no network is called {record.workload.network} any more: its operations are not known",)
        )
    if record.workload.dtype is not Dtype.FLOAT32:
        return Place(reasons=(f"bytes and peaks are those of float32, not of {record.workload.dtype}",))
    counted = record.reported.parameters if record.reported is not None else None
    if counted not in {None, network.parameters}:
        return Place(reasons=(f"{network.name} had {counted} parameters then, and has {network.parameters} now",))
    try:
        count = count_gradient if record.workload.mode in {Mode.GRADIENT, Mode.TRAIN} else count_network
        cost = count(network, record.workload.batch)
    except SpecError as error:
        return Place(reasons=(str(error),))
    seat = read_seat(record)
    theory = read_theory(record)
    times = summary.mean_s, summary.low_s, summary.high_s
    return place_rate(cost, times, peak=peaks.get(seat), best=best.get(seat.bench), theory=theory)


def _host_of(summary: Summary) -> Context:
    return tuple(item for item in summary.context if item[0].startswith("host."))


def _share(rate: float | None, limit: float | None) -> float | None:
    return rate / limit if rate is not None and limit else None


def _bound(intensity: float, ridge: float | None) -> str | None:
    if ridge is None:
        return None
    return COMPUTE_BOUND if intensity >= ridge else MEMORY_BOUND
