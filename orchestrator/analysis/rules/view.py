"""What does a rule look at, and what is a rule?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class View(NamedTuple):
    """Two builds' facts as seen from one of them: a rule is asked for both."""

    here: Mapping[str, str]
    there: Mapping[str, str]
    who: str
    """`this build` for the candidate, `the reference` for the reference."""
    other: str

    def says(self, name: str) -> str:
        """A fact of this side; empty where it has none."""
        return self.here.get(name, "")

    def least(self, name: str) -> int:
        """The lowest of the numbers that several blocks gave: 1 of `1 / 2`; 0 where there is none."""
        return min((int(part) for part in re.findall(r"\d+", self.says(name))), default=0)

    def has_blas(self, *names: str) -> bool:
        """Whether its BLAS is one of these."""
        return self.says("BLAS").partition(" ")[0] in names

    def turned(self) -> View:
        """The same from the other side."""
        return View(self.there, self.here, self.other, self.who)


class Rule(NamedTuple):
    """One thing that is known of builds: asked only where the fact that it is about differs."""

    code: str
    about: str
    holds: Callable[[View], bool]
    sentence: Callable[[View], str]
    source: str
