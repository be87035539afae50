"""Is the unpaired ratio the one that scipy computes, as sure as it says, and blind to what lies between two days?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from orchestrator.stats.welch import unpaired_ratio


def test_the_interval_and_the_p_value_are_those_of_scipy() -> None:
    chance = np.random.default_rng(1)
    a, b = chance.lognormal(0.1, 0.05, 7), chance.lognormal(0.0, 0.01, 12)
    found = unpaired_ratio(a.tolist(), b.tolist())
    theirs = stats.ttest_ind(np.log(a), np.log(b), equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((interval.low, interval.high))
    assert found.p() == pytest.approx(theirs.pvalue)
    assert found.estimate == pytest.approx(stats.gmean(a) / stats.gmean(b))
    shifted = stats.ttest_ind(np.log(a), np.log(b) + math.log(1.03), equal_var=False)
    assert found.p(1.03) == pytest.approx(shifted.pvalue)


def test_an_interval_excludes_a_bound_exactly_where_its_p_value_is_small() -> None:
    chance = np.random.default_rng(2)
    for _ in range(200):
        found = unpaired_ratio(chance.lognormal(0.03, 0.02, 6).tolist(), chance.lognormal(0.0, 0.02, 5).tolist(), 0.98)
        assert (found.p(1.03) < 0.02) == (not found.low <= 1.03 <= found.high)
        assert found.at(0.99).low < found.low


def test_equals_of_one_day_are_told_apart_in_about_one_of_twenty_cases_and_of_two_days_far_more_often() -> None:
    chance = np.random.default_rng(3)
    apart = {0.0: 0, 0.02: 0}
    for day in apart:
        for _ in range(2000):
            sides = 0.015 * chance.standard_normal((2, 10)) + day * chance.standard_normal((2, 1))
            apart[day] += unpaired_ratio(*np.exp(sides).tolist()).p() < 0.05
    assert 0.033 <= apart[0.0] / 2000 <= 0.067
    assert apart[0.02] / 2000 > 0.5  # why a run of another day is no reference for a claim


def test_a_single_process_says_nothing_of_the_spread() -> None:
    found = unpaired_ratio([2.0], [1.0, 1.0])
    assert (found.estimate, found.low, found.high, found.p()) == (2.0, 0.0, math.inf, 1.0)
    with pytest.raises(ValueError, match="no times"):
        unpaired_ratio([], [1.0])


def test_sides_without_any_spread_have_an_interval_of_no_width() -> None:
    found = unpaired_ratio([2.0, 2.0], [1.0, 1.0])
    assert (found.low, found.high, found.p(), found.p(2.0)) == (2.0, 2.0, 0.0, 1.0)
