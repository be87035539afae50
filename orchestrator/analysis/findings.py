"""What was found when a record was judged?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SUSPECT = frozenset(
    {
        "canary",
        "clock-jump",
        "foreign-cpu",
        "frequency",
        "gpu-foreign",
        "gpu-power-cap",
        "io",
        "load-at-start",
        "sibling-busy",
        "steal",
        "swap",
        "thermal",
    }
)
"""Codes of flags that say: something else than the build may have moved this trial. When that
forbids a claim, analysis/suspicion.py and analysis/compare.py say."""

RESTLESS = frozenset({"canary", "frequency"})
"""Of these, the ones that rest on two short looks. On a machine with neighbours they are there all the time and strike
either build by chance: that is in the interval already, so they are told and forbid nothing."""


class Finding(NamedTuple):
    """One thing found: a short code to count and filter by, and a sentence with the evidence."""

    code: str
    """`claim:blas`, `envelope`, `numerics`, `status:timeout`, `mkl-on-amd`, ..."""
    text: str

    @property
    def label(self) -> str:
        """`timeout` for a status, `invalid(claim:blas)` for what the host found."""
        return self.code.removeprefix("status:") if self.code.startswith("status:") else f"invalid({self.code})"

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.text else self.code


@dataclass(frozen=True)
class Validity:
    """What a record may be used for."""

    reasons: tuple[Finding, ...] = ()
    """Why it may not be compared; empty where it is valid."""
    flags: tuple[Finding, ...] = ()
    """What a reader should know of it all the same."""

    @property
    def valid(self) -> bool:
        """Whether it may be compared."""
        return not self.reasons

    @property
    def suspicions(self) -> tuple[str, ...]:
        """The codes of its flags that throw doubt on the time itself, each once."""
        return tuple(dict.fromkeys(flag.code for flag in self.flags if flag.code in SUSPECT))

    @property
    def invalid_reason(self) -> str:
        """`invalid(claim:blas): label says mkl, mapped: openblas 0.3.21 (...)`; empty where it is valid."""
        return "; ".join(f"{each.label}: {each.text}" if each.text else each.label for each in self.reasons)
