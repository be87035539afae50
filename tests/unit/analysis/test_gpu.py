"""Does a GPU that was slowed down or shared say so, event by event?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.findings import SUSPECT, Finding
from orchestrator.analysis.gpu import judge_gpu
from orchestrator.host.gpu_watch import summarise_gpu
from orchestrator.nouns.gpu import GpuConditions, GpuSample


def seen(**fields: Any) -> GpuConditions:
    """Five looks at a GPU that ran at its default clock, undisturbed."""
    quiet: dict[str, Any] = {"uuid": "GPU-1", "sm_mhz": 1980, "sm_default_mhz": 1980, "events": 0}
    samples = [GpuSample(**(quiet | {"at_s": at / 5} | fields)) for at in range(5)]
    return summarise_gpu("GPU-1", [each.model_copy(update={"foreign": each.foreign or ()}) for each in samples])


def codes(found: list[Finding]) -> list[str]:
    return [each.code for each in found]


def test_a_quiet_gpu_is_not_spoken_of() -> None:
    assert judge_gpu(seen()) == ([], [])


@pytest.mark.parametrize(
    ("bit", "reasons", "flags"),
    [
        (0x1, [], []),  # idle
        (0x2, [], []),  # application clocks were set
        (0x4, [], ["gpu-power-cap"]),
        (0x8, ["gpu-slowdown"], []),
        (0x10, [], []),  # sync boost
        (0x20, ["gpu-thermal"], []),
        (0x40, ["gpu-thermal"], []),
        (0x80, ["gpu-power-brake"], []),
        (0x100, [], []),  # display clock
        (0x4 | 0x80, ["gpu-power-brake"], ["gpu-power-cap"]),
    ],
)
def test_each_event_counts_for_what_it_is(bit: int, reasons: list[str], flags: list[str]) -> None:
    found = judge_gpu(seen(events=bit))
    assert (codes(found[0]), codes(found[1])) == (reasons, flags)


@pytest.mark.parametrize(("mhz", "reasons"), [(1980, []), (1485, []), (1484, ["gpu-clock"]), (345, ["gpu-clock"])])
def test_below_three_quarters_of_the_default_clock_a_trial_is_invalid(mhz: int, reasons: list[str]) -> None:
    assert codes(judge_gpu(seen(sm_mhz=mhz))[0]) == reasons


def test_somebody_else_on_the_gpu_is_suspect() -> None:
    reasons, flags = judge_gpu(seen(foreign=(42,)))
    assert (reasons, codes(flags)) == ([], ["gpu-foreign"])
    assert "42" in flags[0].text
    assert {"gpu-foreign", "gpu-power-cap"} <= SUSPECT


def test_memory_errors_are_told() -> None:
    conditions = seen().model_copy(update={"ecc_errors": 2})
    assert codes(judge_gpu(conditions)[1]) == ["gpu-ecc"]


def test_what_nobody_saw_is_unproved_and_says_why() -> None:
    reasons, flags = judge_gpu(summarise_gpu("GPU-1", [], problem="no binding of NVML"))
    assert (reasons, codes(flags)) == ([], ["unproved:gpu"])
    assert "no binding of NVML" in flags[0].text
