"""Where is the next second of measuring spent best: in more processes, or in more samples of each?

After Kalibera, Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013, derived again for two levels. A mean over
n processes of m samples each has the variance

    V = (between + within / m) / n        at the cost        C = n (c_process + m c_sample)

For a given cost, n = C / (c_process + m c_sample), so that V C = (between + within / m)(c_process + m c_sample) is
to be made small: its derivative by m is between c_sample - within c_process / m^2, which is 0 at

    m = sqrt((c_process / c_sample) (within / between))

whatever the budget. The variances are those of `variance_parts`, which takes samples for independent: where a sample
resembles the one before, a part of `within` is counted as `between`, and the advice leans towards more processes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.stats.samples import variance_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_PROCESSES = 5
"""Fewer say next to nothing of the variance between them."""


@dataclass(frozen=True)
class Replication:
    """How the processes' number and length should change, and what that is worth."""

    advice: str
    """`more processes` or `more iterations`."""
    samples: float
    """Samples per process, as measured: the mean of the processes."""
    optimal: float
    """Samples per process at which a given time buys the narrowest interval; infinite where processes do not differ."""
    share: float
    """Time that the optimum needs for the same variance, as a share of what was spent; 1 is as good as it gets."""


def suggest_replication(
    processes: Sequence[Sequence[float]], *, process_s: float, sample_s: float
) -> Replication | None:
    """What to change. `process_s`: cost of a process without its samples; `sample_s`: of one sample; in seconds.

    None for fewer than LEAST_PROCESSES processes, for samples that do not vary, and where a cost is not known.
    """
    parts = variance_parts(processes) if len(processes) >= LEAST_PROCESSES else None
    if parts is None or not any(parts) or process_s <= 0 or sample_s <= 0:
        return None
    between, within = parts
    samples = sum(map(len, processes)) / len(processes)
    now = (between + within / samples) * (process_s + samples * sample_s)
    if between == 0:
        # Nothing is gained by a process: in the limit each sample costs itself alone.
        return Replication("more iterations", samples, math.inf, within * sample_s / now)
    optimal = max(1.0, math.sqrt(process_s / sample_s * within / between))
    best = (between + within / optimal) * (process_s + optimal * sample_s)
    return Replication("more iterations" if optimal > samples else "more processes", samples, optimal, best / now)
