"""Does a campaign stop when its interval is narrow, and for no other reason?"""

from __future__ import annotations

import math

import pytest

from orchestrator.stats.paired import Ratio, t_interval
from orchestrator.stats.stopping import blocks_needed, half_width, precise_enough


def ratio(n: int, sd: float, estimate: float = 1.0, p: float = 0.5) -> Ratio:
    low, high = t_interval(math.log(estimate), sd, n, 0.95)
    return Ratio(estimate, math.exp(low), math.exp(high) if high < 700 else math.inf, 0.95, n, p, sd)


@pytest.mark.parametrize(("n", "percent"), [(5, 1.25), (10, 0.72), (20, 0.47), (30, 0.37)])
def test_the_half_width_at_a_spread_of_one_per_cent(n: int, percent: float) -> None:
    assert 100 * half_width(ratio(n, 0.01)) == pytest.approx(percent, abs=0.005)


@pytest.mark.parametrize("n", [1, 5, 9])
def test_nothing_stops_before_the_pilot_is_complete(n: int) -> None:
    assert not precise_enough(ratio(n, 0.0001), 0.01)
    assert precise_enough(ratio(10, 0.0001), 0.01)
    assert not precise_enough(ratio(10, 0.0001), 0.01, pilot=11)


def test_only_the_width_counts_and_not_what_the_interval_says() -> None:
    for estimate, p in ((1.0, 0.9), (0.5, 1e-9), (2.0, 1e-9)):
        assert precise_enough(ratio(10, 0.0138, estimate, p), 0.01)
        assert not precise_enough(ratio(10, 0.0140, estimate, p), 0.01)


@pytest.mark.parametrize("sd", [0.014, 0.02, 0.05, 0.3])
def test_the_prediction_is_the_first_number_of_blocks_that_is_precise_enough_at_this_spread(sd: float) -> None:
    n = blocks_needed(ratio(10, sd), 0.01)
    assert precise_enough(ratio(n, sd), 0.01)
    assert not precise_enough(ratio(n - 1, sd), 0.01)


def test_the_prediction_is_never_below_the_pilot_and_is_the_pilot_where_nothing_is_known() -> None:
    assert blocks_needed(ratio(10, 0.0), 0.01) == 10
    assert blocks_needed(ratio(10, 0.001), 0.01, pilot=15) == 15
    assert blocks_needed(ratio(1, 0.0), 0.01) == 10


@pytest.mark.parametrize("width", [0.0, -0.01, math.inf, math.nan])
def test_a_width_that_is_none_is_refused(width: float) -> None:
    with pytest.raises(ValueError, match="half-width"):
        precise_enough(ratio(10, 0.01), width)
    with pytest.raises(ValueError, match="half-width"):
        blocks_needed(ratio(10, 0.01), width)
