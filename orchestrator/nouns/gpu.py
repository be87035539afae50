"""What did a GPU do while a trial was timed, as its driver saw it?"""

from __future__ import annotations

from pydantic import Field

from orchestrator.nouns.base import Noun

GPU_UUID = r"^(GPU|MIG)-[0-9a-f]{1,32}(-[0-9a-f]{1,32}){0,4}$"
"""As the driver names a GPU, or a part of one; before it is up, its files hold question marks."""


class GpuSample(Noun):
    """One look at one GPU; null where the driver does not tell."""

    uuid: str
    at_s: float
    """Monotonic."""
    sm_mhz: int | None = None
    sm_default_mhz: int | None = None
    """The default application clock; the highest clock where the driver knows no application clocks."""
    memory_mhz: int | None = None
    power_w: float | None = None
    temperature_c: int | None = None
    events: int | None = None
    """Bit mask: why the clocks are not higher (nvmlClocksEventReasons)."""
    foreign: tuple[int, ...] | None = None
    """Processes on it that are not the workload's."""
    ecc_errors: int | None = None
    """Uncorrected memory errors since the driver was loaded."""
    unavailable: dict[str, str] = Field(default_factory=dict)


class GpuConditions(Noun):
    """All looks at one GPU in the timed region; null where there was none, or the driver does not tell."""

    uuid: str
    samples: int
    window_s: float | None = None
    """From the first look to the last."""
    sm_mean_mhz: float | None = None
    sm_lowest_mhz: int | None = None
    sm_default_mhz: int | None = None
    memory_mean_mhz: float | None = None
    power_mean_w: float | None = None
    power_most_w: float | None = None
    temperature_most_c: int | None = None
    events: dict[str, int] | None = None
    """`SwPowerCap` -> samples in which it held the clocks back; none where nothing did."""
    foreign: tuple[int, ...] | None = None
    """Processes of others that were seen on it."""
    ecc_errors: int | None = None
    """Uncorrected memory errors that came up between the first look and the last."""
    unavailable: dict[str, str] = Field(default_factory=dict)
    """Field -> why it is null."""
