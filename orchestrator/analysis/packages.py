"""Do two images differ in more than what their rows declare?"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.trials import Judged
    from orchestrator.nouns.image import Packages
    from orchestrator.nouns.variant import Variant

SHOWN = 3
"""Packages that a sentence names; all of them stand in the column `packages` and in `bench sbom`."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?\s*(.*)")


class Difference(NamedTuple):
    """A package that two images do not share; an empty version where an image has none of it."""

    package: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.package} {self.left or 'none'} -> {self.right or 'none'}"


def compare_packages(left: Packages, right: Packages) -> list[Difference]:
    """What is not the same in both, by name."""
    names = sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
    return [Difference(name, left.get(name, ""), right.get(name, "")) for name in names]


def read_pins(row: Variant) -> dict[str, str]:
    """`pip:numpy` -> `==2.4.6`, `deb:libatlas3-base` -> ``: every package that a row asks for by its name."""
    pip = [*row.pip, *(each.requirement for each in (row.source, row.recipe) if each is not None and each.requirement)]
    pins = {}
    for kind, requirements in (("pip", pip), ("deb", [*row.apt, *row.blas_apt])):
        for requirement in requirements:
            if match := _REQUIREMENT.match(requirement):
                name = re.sub(r"[-_.]+", "-", match[1]).lower() if kind == "pip" else match[1]
                pins[f"{kind}:{name}"] = match[2]
    return pins


def find_undeclared(left: Variant, right: Variant, one: Packages, two: Packages) -> list[Difference]:
    """What two images do not share although their rows ask for the same of it, or for nothing at all.

    Other versions come before what one image lacks: most of that was brought along by what the rows declare.
    """
    pins = read_pins(left), read_pins(right)
    found = [each for each in compare_packages(one, two) if pins[0].get(each.package) == pins[1].get(each.package)]
    return sorted(found, key=lambda each: not (each.left and each.right))


def compare_sides(
    left: Sequence[Judged], right: Sequence[Judged], sboms: Mapping[str, Packages]
) -> list[Difference] | None:
    """`find_undeclared` of the images that most trials of two sides ran in; None where one of them is not known."""
    images = [_image(side) for side in (left, right)]
    known = [sboms[image] for image in images if image in sboms]
    if len(known) < 2:
        return None
    return find_undeclared(left[0].record.variant, right[0].record.variant, *known)


def say_packages(differences: Sequence[Difference]) -> str:
    """A sentence where there are any: `beside what the rows declare, 2 packages differ: deb:libgomp1 none -> 12`."""
    if not differences:
        return ""
    first = ", ".join(str(each) for each in differences[:SHOWN])
    more = f" and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
    noun = "1 package differs" if len(differences) == 1 else f"{len(differences)} packages differ"
    return f"beside what the rows declare, {noun}: {first}{more}"


def _image(side: Sequence[Judged]) -> str:
    counts = Counter(trial.record.provenance.image_id or "" for trial in side)
    return counts.most_common(1)[0][0] if counts else ""
