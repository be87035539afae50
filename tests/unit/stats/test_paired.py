"""Is the ratio the one that other software computes, and what does it say of too little?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from orchestrator.stats.paired import Ratio, paired_ratio
from tests.unit.stats.simulated import simulate


def _ratio(logs: list[float]) -> Ratio:
    return paired_ratio(
        {block: (math.exp(log),) for block, log in enumerate(logs)}, dict.fromkeys(range(len(logs)), (1.0,))
    )


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
    times = simulate("plain", runs=1, blocks=6, ratio=1.1, seed=5)[0]
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
