"""Is a trial that something else disturbed flagged, and one that was left alone not?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.findings import SUSPECT
from orchestrator.analysis.validity import judge_record
from orchestrator.nouns.conditions import Canary, Conditions
from orchestrator.nouns.limits import Limits
from tests.makers import observed, record, reply

QUIET: dict[str, Any] = {
    "window_s": 2.0,
    "busy_s": 1.6,
    "own_s": 1.6,
    "foreign_s": 0.0,
    "steal_s": 0.0,
    "wanted_s": 1.6,
    "throttled_periods": 0,
    "pressure_s": 0.9,
    "pressure_of": "host",
    "major_faults": 0,
    "swapped_pages": 0,
    "thermal_events": 0,
    "canaries": (Canary(cpu=0, before_s=0.010, after_s=0.0101),),
    "clock_drift_s": 1e-6,
    "settled_s": 0.05,
    "load_at_start": 0.01,
}


def judged(limits: Limits | None = None, **fields: Any) -> tuple[list[str], list[str]]:
    """(codes of the reasons, codes of the flags)."""
    seen = observed(conditions=Conditions(**(QUIET | fields)))
    validity = judge_record(record(observed=seen, reported=reply(cpu_s=1.0)), limits=limits)
    flags = [each.code for each in validity.flags if each.code != "unproved:numerics"]
    return [each.code for each in validity.reasons], flags


def test_a_quiet_trial_has_nothing() -> None:
    assert judged() == ([], [])


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"foreign_s": 0.06}, "foreign-cpu"),
        ({"steal_s": 0.05}, "steal"),
        ({"sibling_busy_s": 0.06}, "sibling-busy"),
        ({"thermal_events": 1}, "thermal"),
        ({"frequency_before_khz": 3_000_000, "frequency_after_khz": 2_900_000}, "frequency"),
        ({"canaries": (Canary(cpu=0, before_s=0.010, after_s=0.0104),)}, "canary"),
        ({"canaries": (Canary(cpu=0, before_s=0.010, after_s=0.0096),)}, "canary"),
        ({"swapped_pages": 1}, "swap"),
        ({"major_faults": 1}, "io"),
        ({"clock_drift_s": 0.6}, "clock-jump"),
        ({"load_at_start": 0.2}, "load-at-start"),
    ],
)
def test_a_disturbance_is_a_flag_that_throws_doubt_on_the_time(fields: dict[str, Any], flag: str) -> None:
    assert judged(**fields) == ([], [flag])
    assert flag in SUSPECT


@pytest.mark.parametrize(
    "fields",
    [
        {"foreign_s": 0.045},  # 2 % of 2 s is 40 ms, and a tick is 10 ms
        {"steal_s": 0.025},
        {"pressure_s": 1.9},  # of the whole machine: other CPUs' tasks wait there too
        {"canaries": (Canary(cpu=0, before_s=0.010, after_s=0.0102),)},
        {"canaries": (Canary(cpu=0, before_s=0.010, after_s=None),)},
        {"frequency_before_khz": 3_000_000, "frequency_after_khz": 2_950_000},
        # where the frequency is known, the canary has nothing to add
        {
            "frequency_before_khz": 3_000_000,
            "frequency_after_khz": 3_000_000,
            "canaries": (Canary(cpu=0, before_s=0.01, after_s=0.02),),
        },
        {"foreign_s": None, "steal_s": None, "thermal_events": None, "major_faults": None, "swapped_pages": None},
    ],
)
def test_what_stays_within_its_limit_or_its_clocks_resolution_is_not_flagged(fields: dict[str, Any]) -> None:
    assert judged(**fields) == ([], [])


def test_much_steal_spoils_the_trial() -> None:
    assert judged(steal_s=0.2) == (["steal"], [])


def test_a_quota_that_stopped_it_spoils_the_trial() -> None:
    seen = observed(throttled_periods=2, conditions=Conditions(**QUIET))
    found = judge_record(record(observed=seen, reported=reply(cpu_s=1.0))).reasons
    assert [each.code for each in found] == ["throttled"]


def test_the_host_counts_threads_whatever_the_workload_says() -> None:
    assert judged(wanted_s=2.0 * 8) == (["claim:threads"], [])
    assert judged(wanted_s=2.0 * 2.5) == ([], []), "one more is a hand-over"


def test_it_cannot_have_worked_longer_than_between_its_two_words() -> None:
    assert judged(window_s=1.0) == (["envelope"], [])


def test_it_cannot_have_used_more_cpu_time_than_the_host_counted_there() -> None:
    assert judged(own_s=0.5) == (["envelope"], [])
    assert judged(own_s=0.5, partial=True) == ([], ["partial-counters"]), "counters of an earlier moment bound nothing"


def test_neighbours_and_partial_counters_are_shown_and_throw_no_doubt() -> None:
    reasons, flags = judged(neighbours=("0123456789ab",), partial=True)
    assert (reasons, flags) == ([], ["neighbours", "partial-counters"])
    assert not SUSPECT & set(flags)


def test_a_place_may_draw_its_own_limits() -> None:
    strict = Limits(foreign=0.0, steal_invalid=0.01)
    assert judged(strict, foreign_s=0.02) == ([], ["foreign-cpu"])
    assert judged(strict, steal_s=0.05) == (["steal"], [])


def test_waiting_of_its_own_threads_for_each_other_is_shown_and_throws_no_doubt() -> None:
    assert judged(pressure_s=0.05, pressure_of="container") == ([], ["pressure"])
    assert "pressure" not in SUSPECT


def test_a_host_that_could_not_look_says_so() -> None:
    assert judged(unavailable={"canaries": "not allowed there"}) == ([], ["unproved:quiet"])


def test_limits_are_per_measured_cpu() -> None:
    seen = observed(conditions=Conditions(**(QUIET | {"foreign_s": 0.08, "wanted_s": 3.0})))
    four = record(observed=seen, reported=reply(cpu_s=1.0), threads=2, cpus=(0, 1))
    assert "foreign-cpu" not in [flag.code for flag in judge_record(four).flags]
