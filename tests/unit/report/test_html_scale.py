"""Does a mark stand where its number is, and has every axis a few labels that can be read?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.html_scale import APART, EDGE, TICKS, scale_ratios, scale_times

POSITIVE = st.floats(min_value=1e-300, max_value=1e300)


def percent(text: str | None) -> float:
    assert text is not None
    return float(text.removesuffix("%"))


def test_times_of_one_size_stand_on_a_linear_axis_and_others_on_a_logarithmic_one() -> None:
    near = scale_times([(0.10, 0.09, 0.11), (0.14, 0.13, 0.15)])
    assert near is not None
    assert not near.logarithmic
    assert [tick.label for tick in near.ticks] == ["100 ms", "120 ms", "140 ms"]
    far = scale_times([(0.01, None, None), (0.1, None, None), (1.0, None, None)])
    assert far is not None
    assert far.logarithmic
    places = [percent(far.mark((value, None, None)).at) for value in (0.01, 0.1, 1.0)]
    assert places[1] == pytest.approx((places[0] + places[2]) / 2, abs=0.02)


def test_an_interval_far_beyond_the_estimates_does_not_squeeze_them() -> None:
    scale = scale_times([(0.10, 0.09, 0.11), (0.11, 1e-9, 1e61)])
    assert scale is not None
    mark = scale.mark((0.11, 1e-9, 1e61))
    assert (mark.beyond_low, mark.beyond_high) == (True, True)
    assert percent(scale.mark((0.11, None, None)).at) - percent(scale.mark((0.10, None, None)).at) > 5
    inside = scale.mark((0.10, 0.09, 0.11))
    assert (inside.beyond_low, inside.beyond_high) == (False, False)
    assert percent(inside.low) < percent(inside.at) < percent(inside.high)


def test_the_line_at_1_is_on_every_axis_of_ratios_with_its_label() -> None:
    for estimates in ([1.001], [0.2, 0.3], [5.0, 40.0], [0.98, 1.03]):
        scale = scale_ratios([(each, None, None) for each in estimates])
        assert scale is not None
        assert "1x" in [tick.label for tick in scale.ticks], scale
        assert EDGE <= percent(scale.percent(1.0)) <= 100 - EDGE
        places = [percent(scale.mark((each, None, None)).at) < percent(scale.percent(1.0)) for each in estimates]
        assert places == [each < 1 for each in estimates]


def test_nothing_measured_has_no_axis() -> None:
    assert scale_times([]) is None
    assert scale_ratios([(0.0, None, None)]) is None


@given(st.lists(st.tuples(POSITIVE, POSITIVE, POSITIVE), min_size=1, max_size=5))
def test_whatever_numbers_a_record_holds_they_are_drawn_inside(values: list[tuple[float, float, float]]) -> None:
    intervals = [tuple(sorted(each)) for each in values]
    for scale in (
        scale_times([(middle, low, high) for low, middle, high in intervals]),
        scale_ratios([(middle, low, high) for low, middle, high in intervals]),
    ):
        assert scale is not None
        assert len(scale.ticks) <= TICKS
        places = [percent(tick.at) for tick in scale.ticks]
        assert all(right - left >= APART - 0.02 for left, right in pairwise(places))
        for low, middle, high in intervals:
            mark = scale.mark((middle, low, high))
            assert EDGE - 0.01 <= percent(mark.low) <= percent(mark.at) <= percent(mark.high) <= 100 - EDGE + 0.01
