"""Does the estimator claim a difference as rarely as it says, and does it cover the truth?

The data: log time = effect of the process (sd 1 %) + AR(1) noise inside it (sd 2 %, rho 0.5, 20 iterations), plus, by
scenario, a drift shared by the trials of a block, or heavy tails of the process effect.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from orchestrator.stats.paired import Ratio, paired_ratio

RUNS, ITERATIONS, RHO = 2000, 20, 0.5
Times = NDArray[np.float64]


def simulate(scenario: str, blocks: int, ratio: float, seed: int) -> Times:
    """Times of shape (RUNS, 2, blocks, ITERATIONS); the second side takes `ratio` times as long as the first."""
    chance = np.random.default_rng(seed)
    shape = (RUNS, 2, blocks)
    process = 0.01 * (chance.standard_t(3, shape) if scenario == "heavy tails" else chance.standard_normal(shape))
    if scenario == "drift":
        # A random walk over the trials: the two of a block lie side by side, in random order.
        walk = np.cumsum(0.005 * chance.standard_normal((RUNS, blocks, 2)), axis=2).cumsum(axis=1)
        swap = chance.integers(0, 2, (RUNS, blocks, 1)).astype(bool)
        process += np.where(swap, walk[..., ::-1], walk).transpose(0, 2, 1)
    noise = np.empty((*shape, ITERATIONS))
    noise[..., 0] = chance.standard_normal(shape)
    for step in range(1, ITERATIONS):
        noise[..., step] = RHO * noise[..., step - 1] + math.sqrt(1 - RHO**2) * chance.standard_normal(shape)
    logs = process[..., None] + 0.02 * noise
    logs[:, 1] += math.log(ratio)
    return 0.1 * np.exp(logs)


def ratios(times: Times) -> list[Ratio]:
    # The estimator takes the mean of each process; one number per process, its mean, has the same mean.
    means = times.mean(axis=3).tolist()
    return [
        paired_ratio(
            {block: (time,) for block, time in enumerate(second)}, {block: (time,) for block, time in enumerate(first)}
        )
        for first, second in means
    ]


def pooled_rejections(times: Times) -> float:
    """The same data through a t test over all iterations, as if they were independent."""
    flat = times.reshape(RUNS, 2, -1)
    found = stats.ttest_ind(np.log(flat[:, 0]), np.log(flat[:, 1]), axis=1)
    return float(np.mean(found.pvalue < 0.05))


@pytest.mark.parametrize("scenario", ["plain", "drift", "heavy tails"])
def test_equals_are_told_apart_in_about_one_of_twenty_cases(scenario: str) -> None:
    times = simulate(scenario, 10, 1.0, seed=1)
    found = ratios(times)
    rate = sum(not ratio.low <= 1 <= ratio.high for ratio in found) / RUNS
    assert 0.033 <= rate <= 0.067
    assert rate == sum(ratio.p < 0.05 for ratio in found) / RUNS
    # The check above can fail: taking iterations for independent, the same data give eight times as many claims.
    assert pooled_rejections(times) > 0.20


@pytest.mark.parametrize("blocks", [5, 10, 20])
@pytest.mark.parametrize("truth", [0.90, 1.02, 1.50])
def test_the_interval_covers_the_true_ratio_as_often_as_it_says(truth: float, blocks: int) -> None:
    found = ratios(simulate("plain", blocks, truth, seed=2))
    covered = sum(ratio.low <= truth <= ratio.high for ratio in found) / RUNS
    assert 0.933 <= covered <= 0.967


def test_stopping_at_a_width_keeps_the_promise_and_stopping_at_a_claim_breaks_it() -> None:
    chance = np.random.default_rng(3)
    logs = 0.015 * chance.standard_normal((500, 40))
    narrow, peeked = 0, 0
    for row in logs.tolist():
        first = next((n for n in range(10, 41) if _half_width(row[:n]) < 0.01), 40)
        narrow += _claims(row[:first])
        peeked += any(_claims(row[:n]) for n in range(5, 41, 2))
    assert narrow / 500 <= 0.081  # 5.2 % and three standard errors of 500 runs
    assert peeked / 500 > 0.15


def _ratio(logs: list[float]) -> Ratio:
    return paired_ratio(
        {block: (math.exp(log),) for block, log in enumerate(logs)}, dict.fromkeys(range(len(logs)), (1.0,))
    )


def _half_width(logs: list[float]) -> float:
    ratio = _ratio(logs)
    return (ratio.high - ratio.low) / 2


def _claims(logs: list[float]) -> bool:
    ratio = _ratio(logs)
    return not ratio.low <= 1 <= ratio.high


def test_the_interval_is_the_one_that_scipy_computes() -> None:
    logs = [0.01, -0.02, 0.03, 0.015, 0.0]
    ratio = _ratio(logs)
    theirs = stats.ttest_1samp(logs, 0.0)
    interval = theirs.confidence_interval(0.95)
    assert ratio.p == pytest.approx(theirs.pvalue)
    assert (math.log(ratio.low), math.log(ratio.high)) == pytest.approx((interval.low, interval.high))
    assert ratio.estimate == pytest.approx(math.exp(sum(logs) / 5))
    wide = ratio.at(0.99)
    assert wide.low < ratio.low < ratio.high < wide.high
    assert wide.estimate == ratio.estimate


def test_the_order_of_iterations_inside_a_process_changes_nothing() -> None:
    chance = np.random.default_rng(4)
    times = simulate("plain", 6, 1.1, seed=5)[0]
    before = paired_ratio(dict(enumerate(times[1].tolist())), dict(enumerate(times[0].tolist())))
    shuffled = chance.permuted(times, axis=2)
    after = paired_ratio(dict(enumerate(shuffled[1].tolist())), dict(enumerate(shuffled[0].tolist())))
    assert after.high - after.low == pytest.approx(before.high - before.low, rel=1e-9)


def test_only_blocks_that_both_sides_have_are_paired() -> None:
    ratio = paired_ratio({0: (2.0,), 1: (2.0,), 7: (50.0,)}, {0: (1.0,), 1: (1.0,), 9: (1.0,)})
    assert (ratio.n, ratio.estimate) == (2, 2.0)
    with pytest.raises(ValueError, match="no block"):
        paired_ratio({0: (1.0,)}, {1: (1.0,)})


def test_one_block_says_nothing_of_the_spread() -> None:
    ratio = paired_ratio({0: (2.0, 2.0)}, {0: (1.0,)})
    assert (ratio.low, ratio.high, ratio.p, ratio.estimate) == (0.0, math.inf, 1.0, 2.0)


def test_a_constant_ratio_has_an_interval_of_no_width() -> None:
    ratio = paired_ratio(dict.fromkeys(range(5), (2.0,)), dict.fromkeys(range(5), (1.0,)))
    assert (ratio.low, ratio.high, ratio.p) == (ratio.estimate, ratio.estimate, 0.0)
    equal = paired_ratio(dict.fromkeys(range(5), (2.0,)), dict.fromkeys(range(5), (2.0,)))
    assert (equal.estimate, equal.p) == (1.0, 1.0)
