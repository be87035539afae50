"""What did each image do at most on its host: in SGEMM, in copying memory, and by the data sheet?"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.evidence import read_facts
from orchestrator.analysis.trials import judge_trials, order_of, read_host
from orchestrator.catalog.cost import count_network, only_products
from orchestrator.host.theory import Theory, theoretical_peak
from orchestrator.nouns.variant import Device
from orchestrator.nouns.workload import Mode
from orchestrator.stats.paired import t_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.trials import Context, Judged
    from orchestrator.nouns.job import Bandwidth
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.workload import Network

    Bench = tuple[Context, str, str, int]

COPY_BYTES = 2
"""Per byte of the array: STREAM counts what is read and what is written, and no line fetched before it is written."""
CACHES = 4
"""Times the last-level cache that STREAM wants an array to have."""
SLACK = 1.02
"""Two clocks in two processes, as in analysis/validity.py."""


class Seat(NamedTuple):
    """Which image ran where on how many threads: what a peak belongs to, and who may be held against it."""

    variant: str
    image: str
    """Digest of what it is built from: another build of the same row is another image."""
    host: Context
    engine: str
    device: str
    threads: int

    @property
    def bench(self) -> Bench:
        """The same without the image: where peaks of several images stand side by side."""
        return self.host, self.engine, self.device, self.threads


@dataclass(frozen=True)
class Rate:
    """The best sample of each process, over the processes: noise only ever takes away from a peak."""

    mean: float
    low: float | None
    high: float | None
    """t interval over the processes, at 95 %, cut off at 0; None below two."""
    processes: int


@dataclass(frozen=True)
class Peak:
    """What one image reached at most on one host with so many threads."""

    seat: Seat
    facts: Mapping[str, str]
    """What was seen at run time: `BLAS`, `BLAS core`, ..."""
    sgemm: Rate | None
    """FLOP/s of the fastest network of matrix products alone."""
    copy: Rate | None
    """Bytes/s, read and written."""
    theory: Theory
    reasons: tuple[str, ...]
    """Why something is None, and what to know of what is not."""


def find_peaks(
    records: Iterable[Record], networks: Mapping[str, Network], *, limits: Limits | None = None
) -> list[Peak]:
    """A peak for every image, host and number of threads that ran matrix products; what is not valid does not count."""
    groups: dict[Seat, list[Judged]] = {}
    products = {name for name, network in networks.items() if only_products(network)}
    chosen = [record for record in records if record.workload.network in products]
    for trial in judge_trials(chosen, limits=limits):
        groups.setdefault(read_seat(trial.record), []).append(trial)
    made = [_make_peak(seat, trials, networks) for seat, trials in groups.items()]
    return sorted(made, key=lambda each: (each.seat.bench, -(each.sgemm.mean if each.sgemm else 0), each.seat.variant))


def without_peaks(records: Iterable[Record]) -> list[Record]:
    """The records that builds are compared by. A peak is a limit: as one more comparison it would widen the others."""
    return [record for record in records if record.workload.mode is not Mode.PEAK]


def read_seat(record: Record) -> Seat:
    """Where a record was measured."""
    source = record.provenance
    engine = source.engine.partition(" ")[0]  # its version moves no SGEMM
    device = str(record.variant.device)
    return Seat(record.variant.id, source.image_digest, read_host(record), engine, device, record.threads)


def read_theory(record: Record) -> Theory:
    """The theoretical peak of the CPUs that a record was measured on; nothing is known here of other devices."""
    if record.variant.device is not Device.CPU:
        return Theory(None, f"it computes on {record.variant.device}, and the data sheets here are of CPUs")
    return theoretical_peak(record.provenance.host, record.threads)


def _make_peak(seat: Seat, trials: Sequence[Judged], networks: Mapping[str, Network]) -> Peak:
    valid = [trial for trial in trials if trial.valid]
    reasons = [trial.validity.invalid_reason for trial in trials if not trial.valid]
    sgemm = _fastest(valid, networks)
    copy, remarks = _copy_rate(valid)
    latest = max((trial.record for trial in trials), key=order_of)
    theory = read_theory(latest)
    reasons += [*remarks, *_disturbance(valid)]
    if theory.flops_per_s is None:
        reasons.append(f"no theoretical peak: {theory.how}")
    return Peak(seat, read_facts(valid), sgemm, copy, theory, tuple(dict.fromkeys(reasons)))


def _fastest(trials: Iterable[Judged], networks: Mapping[str, Network]) -> Rate | None:
    """Of every workload and execution mode by itself; the one with the highest mean."""
    found: dict[tuple[str, str], list[float]] = {}
    for trial in trials:
        record, reply = trial.record, trial.record.reported
        if reply is None or not reply.samples_s:
            continue
        flops = count_network(networks[record.workload.network], record.workload.batch).flops
        found.setdefault((record.workload.id, record.mode), []).append(flops / min(reply.samples_s))
    return max(map(make_rate, found.values()), key=lambda rate: rate.mean, default=None)


def make_rate(values: Sequence[float]) -> Rate:
    """The mean of one value per process, with its interval."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Rate(mean, None, None, len(values))
    low, high = t_interval(mean, statistics.stdev(values), len(values), 0.95)
    return Rate(mean, max(0.0, low), high, len(values))  # so few of them may reach below what any rate can be


def _copy_rate(trials: Iterable[Judged]) -> tuple[Rate | None, list[str]]:
    """(rate, reasons) of the copies of the processes whose numbers can be true."""
    rates, reasons, asked = [], [], False
    for trial in trials:
        if trial.record.workload.mode is not Mode.PEAK or trial.record.reported is None:
            continue
        asked = True
        copied = trial.record.reported.bandwidth
        if copied is None or (problem := _find_problem(trial.record, copied)):
            reasons.append("no copy peak: the process reports none" if copied is None else f"no copy peak: {problem}")
            continue
        rates.append(COPY_BYTES * copied.array_bytes / min(copied.samples_s))
        reasons += _doubt(copied)
    if not asked:
        reasons.append("no copy peak: no valid trial of the mode `peak`; see bench peak")
    return make_rate(rates) if rates else None, reasons


def _find_problem(record: Record, copied: Bandwidth) -> str:
    """Why these numbers cannot be true, or are not of the memory in question; empty where they may stand."""
    if record.variant.device is not Device.CPU:
        return f"it computes on {record.variant.device}, and the copy is of the host's memory"
    times = copied.samples_s
    if not times or min(times) <= 0 or not all(math.isfinite(each) for each in times):
        return f"{len(times)} copies, of which the shortest took {min(times, default=0)} s"
    if copied.threads != record.threads:
        return f"{copied.threads} threads copied, {record.threads} were asked for"
    lived = record.observed.wall_s if record.observed is not None else 0.0
    if math.fsum(times) > lived * SLACK:
        return f"it reports {math.fsum(times):.3f} s of copies, the host saw it live for {lived:.3f} s"
    return ""


def _disturbance(trials: Sequence[Judged]) -> list[str]:
    disturbed = [trial for trial in trials if trial.validity.suspicions]
    if not disturbed:
        return []
    codes = sorted({code for trial in disturbed for code in trial.validity.suspicions})
    return [f"{len(disturbed)} of {len(trials)} trials were disturbed ({', '.join(codes)}): the peak may be higher"]


def _doubt(copied: Bandwidth) -> list[str]:
    size = copied.array_bytes / 2**20
    if copied.cache_bytes is None:
        return [f"copy of {size:.0f} MiB: whether that is larger than the caches is not known ({copied.reason})"]
    if copied.array_bytes >= CACHES * copied.cache_bytes:
        return []
    cache = copied.cache_bytes / 2**20
    rule = f"STREAM asks for {CACHES} times as much: a part may have come from the cache"
    return [f"copy of {size:.0f} MiB with {cache:.0f} MiB of last-level cache, {rule}"]
