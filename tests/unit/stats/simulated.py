"""Times as a machine would give them: what the simulations of the statistics are made from.

log time = effect of the process (sd 1 %) + AR(1) noise inside it (sd 2 %, rho 0.5, 20 iterations), plus, by scenario, a
random walk over the trials of 0.5 % a trial, or heavy tails of the process effect.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from orchestrator.stats.paired import Ratio, paired_ratio

ITERATIONS, RHO = 20, 0.5
Floats = NDArray[np.float64]


def simulate(scenario: str, *, runs: int, blocks: int, ratio: float, seed: int) -> Floats:
    """Times of shape (runs, 2, blocks, ITERATIONS); the second side takes `ratio` times as long as the first."""
    chance = np.random.default_rng(seed)
    shape = (runs, 2, blocks)
    process = 0.01 * (chance.standard_t(3, shape) if scenario == "heavy tails" else chance.standard_normal(shape))
    if scenario == "drift":
        # One walk through all trials in the order in which they ran: the two of a block lie side by side, swapped at
        # random.
        walk = np.cumsum(0.005 * chance.standard_normal((runs, 2 * blocks)), axis=1).reshape(runs, blocks, 2)
        swap = chance.integers(0, 2, (runs, blocks, 1)).astype(bool)
        process += np.where(swap, walk[..., ::-1], walk).transpose(0, 2, 1)
    noise = np.empty((*shape, ITERATIONS))
    noise[..., 0] = chance.standard_normal(shape)
    for step in range(1, ITERATIONS):
        noise[..., step] = RHO * noise[..., step - 1] + math.sqrt(1 - RHO**2) * chance.standard_normal(shape)
    logs = process[..., None] + 0.02 * noise
    logs[:, 1] += math.log(ratio)
    return np.asarray(0.1 * np.exp(logs))


def block_logs(times: Floats) -> Floats:
    """Log-ratios of the process means, of shape (runs, blocks)."""
    means = times.mean(axis=3)
    return np.asarray(np.log(means[:, 1] / means[:, 0]))


def shipped(logs: Floats) -> Ratio:
    """What the shipped estimator says of these log-ratios of blocks."""
    times = {block: (math.exp(log),) for block, log in enumerate(logs.tolist())}
    return paired_ratio(times, dict.fromkeys(times, (1.0,)))


def intervals(logs: Floats, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """(mean, half-width, p) per row: the shipped estimator's arithmetic on a whole array, on the log scale."""
    n = logs.shape[-1]
    mean, error = logs.mean(axis=-1), logs.std(axis=-1, ddof=1) / math.sqrt(n)
    return mean, stdtrit(n - 1, (1 + level) / 2) * error, 2 * stdtr(n - 1, -np.abs(mean) / error)


def growing(logs: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """(n, mean, 95 % half-width) after each further block, per row; infinite after the first."""
    n = np.arange(1, logs.shape[-1] + 1)
    mean = np.cumsum(logs, axis=-1) / n
    spread = np.maximum(np.cumsum(logs**2, axis=-1) - n * mean**2, 0) / np.maximum(n - 1, 1)
    half = stdtrit(np.maximum(n - 1, 1), 0.975) * np.sqrt(spread / n)
    half[..., 0] = math.inf
    return n, mean, half
