"""Was a GPU slowed down, or shared, while a trial was timed on it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.findings import Finding

if TYPE_CHECKING:
    from orchestrator.nouns.gpu import GpuConditions

LEAST_CLOCK = 0.75
"""Of the default clock, on average: nvbench discards measurements below it (its --throttle-threshold)."""

# An event that holds the clocks back -> the code of what it makes of a trial.
INVALID = {
    "HwSlowdown": "gpu-slowdown",
    "SwThermalSlowdown": "gpu-thermal",
    "HwThermalSlowdown": "gpu-thermal",
    "HwPowerBrakeSlowdown": "gpu-power-brake",
}
SUSPECT = {"SwPowerCap": "gpu-power-cap"}


def judge_gpu(seen: GpuConditions) -> tuple[list[Finding], list[Finding]]:
    """Reasons why the trial may not be compared, and flags; what the driver did not tell is flagged as unproved."""
    reasons, flags = [], []
    for event, count in (seen.events or {}).items():
        text = f"{event} in {count} of {seen.samples} looks at {seen.uuid}"
        if event in INVALID:
            reasons.append(Finding(INVALID[event], text))
        elif event in SUSPECT:
            flags.append(Finding(SUSPECT[event], text))
    if seen.sm_mean_mhz is not None and seen.sm_default_mhz and seen.sm_mean_mhz < LEAST_CLOCK * seen.sm_default_mhz:
        share = seen.sm_mean_mhz / seen.sm_default_mhz
        text = f"{seen.uuid} ran at {seen.sm_mean_mhz:.0f} MHz on average, {share:.0%} of {seen.sm_default_mhz} MHz"
        reasons.append(Finding("gpu-clock", text))
    if seen.foreign:
        names = ", ".join(str(pid) for pid in seen.foreign)
        flags.append(Finding("gpu-foreign", f"others computed on {seen.uuid}: processes {names}"))
    if seen.ecc_errors:
        flags.append(Finding("gpu-ecc", f"{seen.ecc_errors} uncorrected memory errors of {seen.uuid}"))
    return reasons, flags + _unproved(seen)


def _unproved(seen: GpuConditions) -> list[Finding]:
    wanted = {"events": seen.events, "sm_mhz": seen.sm_mean_mhz, "foreign": seen.foreign}
    missing = [name for name, value in wanted.items() if value is None]
    if not missing:
        return []
    why = seen.unavailable.get("samples") or "; ".join(
        dict.fromkeys(seen.unavailable[name] for name in missing if name in seen.unavailable)
    )
    return [Finding("unproved:gpu", f"{', '.join(missing)} of {seen.uuid} could not be read: {why or 'not told'}")]
