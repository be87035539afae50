"""From where on is what disturbed a trial worth a flag, and from where on does it spoil the trial?"""

from __future__ import annotations

from pydantic import Field

from orchestrator.nouns.base import Noun


class Limits(Noun):
    """Shares are of the timed window, per measured CPU. `[limits]` of bench.toml changes them."""

    steal: float = Field(default=0.01, ge=0)
    steal_invalid: float = Field(default=0.05, ge=0)
    foreign: float = Field(default=0.02, ge=0)
    """CPU time of others on the measured CPUs."""
    pressure: float = Field(default=0.02, ge=0)
    """Time in which some task of the container waited for a CPU."""
    sibling: float = Field(default=0.02, ge=0)
    frequency: float = Field(default=0.03, ge=0)
    """Change of the clock frequency, or of the canary in its place, from before to after."""
    clock_drift_s: float = Field(default=0.5, ge=0)
    load_at_start: float = Field(default=0.10, ge=0)
    major_faults: int = Field(default=0, ge=0)
    swapped_pages: int = Field(default=0, ge=0)
    thermal_events: int = Field(default=0, ge=0)
