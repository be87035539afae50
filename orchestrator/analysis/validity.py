"""May this record be compared with others, and if not, why?

Whatever the label claims is proved at run time, or the trial is invalid; what could not be proved either way is
flagged. Only the host decides: nothing that a workload says of itself can make its record valid.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.analysis import claims
from orchestrator.analysis.cautions import list_cautions
from orchestrator.analysis.conditions import check_conditions
from orchestrator.analysis.findings import Finding, Validity
from orchestrator.nouns.record import Status
from orchestrator.nouns.workload import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.job import Evidence, Expected, Reply
    from orchestrator.nouns.launch import Observed
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record

LEAST_SHARE = 0.8
LEAST_SAMPLE_S = 0.5e-3
"""Half of what the harness aims at: the loops are chosen by the warm-up, and a step may get faster after it."""
SLACK = 1.02
"""Two clocks in two processes: the inner one may seem this much longer than the outer."""
LONGEST_S = 1e9
"""Thirty years: what is longer was not measured, and a sum of several may be beyond all numbers."""
CLOCK_S = 0.02
"""CPU time is counted in ticks of 10 ms, in two places."""
_CHECKS = (
    claims.check_blas,
    claims.check_core,
    claims.check_onednn,
    claims.check_threads,
    claims.check_version,
    claims.check_host,
    claims.check_device,
    claims.check_mode,
    claims.check_isolation,
)


def judge_record(
    record: Record, expected: Mapping[str, Expected] | None = None, limits: Limits | None = None
) -> Validity:
    """Whether a record is valid, why not, and what else to know of it.

    With `expected` (output name -> what it must be) the numbers are checked again on the host; without it, the
    error that the workload reports must at least be there.
    """
    reply, flags = record.reported, _origin(record)
    if record.status != Status.OK:
        return Validity((Finding(f"status:{record.status}", record.reason),), tuple(flags))
    script = record.workload.mode is Mode.SCRIPT
    if reply is None or record.observed is None or (reply.evidence is None and not script):
        return Validity((Finding("claim:evidence", "the record of a successful run has no evidence"),), tuple(flags))
    reasons, found_flags = _label(record, reply.evidence)
    flags += found_flags
    found = check_conditions(record, limits)
    reasons += found[0]
    flags += found[1]
    reasons += _envelope(record, reply, record.observed)
    reasons += _throttling(record.observed)
    numerics = _numerics(reply, expected) if expected is not None else []
    reasons += numerics
    flags += _short_samples(reply)
    if record.provenance.source_changed:
        text = "the workloads were edited during the run; this trial ran the code that its hash names"
        flags.append(Finding("source-changed", text))
    if script and not record.agreed:
        flags.append(Finding("unproved:numerics", "nobody has said what its output must be"))
    elif expected is None and not reply.errors and not script:
        flags.append(Finding("unproved:numerics", "the workload reports no error against the reference"))
    return Validity(tuple(reasons), tuple(flags))


def _origin(record: Record) -> list[Finding]:
    """Whoever wrote an imported record may have written anything: what it proves, it proves by its own word."""
    return [Finding("foreign", f"imported from {record.origin}, not measured for this store")] if record.origin else []


def _label(record: Record, evidence: Evidence | None) -> claims.Checked:
    """What the evidence says of the label; a script need not bring any."""
    if evidence is None:
        reasons, flags = claims.check_isolation(record, None)
        text = "the script brings no evidence: neither BLAS, threads, version nor device were seen"
        return reasons, [Finding("unproved:label", text), *flags]
    found = [check(record, evidence) for check in _CHECKS]
    reasons = [reason for each, _ in found for reason in each]
    return reasons, [*(flag for _, each in found for flag in each), *list_cautions(record, evidence)]


def _envelope(record: Record, reply: Reply, seen: Observed) -> list[Finding]:
    """What a lying or broken workload gets wrong: more time than it lived, less than none, fewer samples than asked."""
    samples, found = reply.samples_s, []
    times = (*samples, *reply.warmup_s, reply.first_s or 0.0)
    longest = max((*times, reply.wall_s or 0.0, reply.cpu_s or 0.0, seen.wall_s), key=abs)
    if abs(longest) > LONGEST_S:
        return [Finding("envelope", f"a time of {longest:.3g} s, which no trial takes")]
    if not samples or min(samples) <= 0 or min(times) < 0 or not all(math.isfinite(each) for each in times):
        found.append(f"{len(samples)} samples, of which the shortest is {min(samples, default=0)} s")
    total = math.fsum(samples) * reply.loops + math.fsum(reply.warmup_s) + (reply.first_s or 0.0)
    if total > seen.wall_s * SLACK:
        found.append(f"it reports {total:.3f} s of work, the host saw it live for {seen.wall_s:.3f} s")
    # The clock keeps what the loop around the samples takes to itself, so a part of the minimum may be missing.
    least = LEAST_SHARE * min(record.method.min_time_s, record.method.max_time_s)
    timed = math.fsum(samples) * reply.loops
    if samples and timed < least:
        found.append(f"{timed:.3g} s of samples in all, at least {record.method.min_time_s:g} s were asked for")
    found += _cpu_envelope(record, reply, seen)
    if reply.wall_s is not None and reply.wall_s > seen.wall_s * SLACK:
        found.append(f"it timed for {reply.wall_s:.3f} s, the host saw it live for {seen.wall_s:.3f} s")
    # Whoever gives fewer samples than asked for must have run into the time limit.
    if len(samples) < record.method.min_count and max(total, reply.wall_s or 0) * SLACK < record.method.max_time_s:
        found.append(f"{len(samples)} samples, at least {record.method.min_count} were asked for")
    if len(reply.warmup_s) < record.method.warmup:  # more: the batches that found out how many loops a sample needs
        found.append(f"{len(reply.warmup_s)} warm-up steps, {record.method.warmup} were asked for")
    return [Finding("envelope", text) for text in found]


def _cpu_envelope(record: Record, reply: Reply, seen: Observed) -> list[str]:
    if reply.cpu_s is None:
        return []
    most = (reply.wall_s or seen.wall_s) * len(record.cpus)
    if reply.cpu_s > most * SLACK + CLOCK_S:
        return [f"it reports {reply.cpu_s:.3f} s of CPU time, and its CPUs had {most:.3f} s to give"]
    # Counters that were read a moment before the end say nothing of that moment: they bound nothing from above.
    if seen.cpu_s is None or "after_last_read" in seen.unavailable:
        return []
    if reply.cpu_s > seen.cpu_s * SLACK + CLOCK_S:
        return [f"it reports {reply.cpu_s:.3f} s of CPU time, the host counted {seen.cpu_s:.3f} s"]
    return []


def _short_samples(reply: Reply) -> list[Finding]:
    shortest = min(reply.samples_s, default=1.0) * reply.loops
    if shortest >= LEAST_SAMPLE_S:
        return []
    return [Finding("short-samples", f"a sample took {shortest:.2g} s: the clock and the loop are a part of it")]


def _throttling(seen: Observed) -> list[Finding]:
    if not seen.throttled_periods:
        return []
    return [Finding("throttled", f"a CPU quota stopped it in {seen.throttled_periods} periods")]


def _numerics(reply: Reply, expected: Mapping[str, Expected]) -> list[Finding]:
    found = []
    for name, want in expected.items():
        values = reply.outputs.get(name, ())
        if len(values) != len(want.values):
            found.append(f"output {name!r} has {len(values)} of {len(want.values)} values")
            continue
        scale = want.spread or 1.0
        # `not <=` rather than `>`: an output that is not a number is wrong as well.
        errors = [abs(value - right) / scale for value, right in zip(values, want.values, strict=True)]
        if not all(error <= want.tolerance for error in errors):
            found.append(f"output {name!r} is off by {max(errors):.3g} of its spread, {want.tolerance:.3g} may be")
    return [Finding("numerics", text) for text in found]
