"""Which published mistakes can be made again on one build, and as which cells?"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from orchestrator.errors import UnknownNameError
from orchestrator.nouns.plan import Cell
from orchestrator.nouns.variant import AUTOGRAD
from orchestrator.nouns.workload import Workload
from orchestrator.published.first_calls import CALLS
from orchestrator.published.mistaken import FIRST_CALLS, RECREATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.nouns.published import Mistake, Published
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Network

RECORDS_GRADIENTS = frozenset({"chainer", "pytorch"})
"""Frameworks whose backend has the mode of that mistake."""


@dataclass(frozen=True, kw_only=True)
class Recreated:
    """One mistake made again on one of our networks: a cell beside the right one, or other calls of the right one."""

    mistake: Mistake
    name: str
    """`vgg16.no_fc_relu`, `first-calls`, `autograd`."""
    base: str
    """The right network."""
    network: str
    mode: str = "default"
    calls: int = 0
    """Above 0: no cell of its own, but so many calls of the right one from the first on, in place of its samples."""
    what: str

    @property
    def right(self) -> str:
        """The right network's workload."""
        return Workload(network=self.base).id

    @property
    def workload(self) -> str:
        """The mistaken one."""
        return Workload(network=self.network).id


def list_recreated(
    published: Published, networks: Mapping[str, Network], variant: Variant, *, workload: str = "*"
) -> tuple[list[Recreated], dict[str, str]]:
    """(those that this build can show, code of the mistake -> why it is not made again).

    `workload` is a glob over the right networks' workloads. Raises UnknownNameError where it names none of them.
    """
    bases = list(dict.fromkeys(each.network for each in RECREATIONS.values() if each.network in networks))
    chosen = [name for name in bases if fnmatchcase(Workload(network=name).id, workload)]
    if not chosen:
        raise UnknownNameError("workload with published mistakes", workload, [Workload(network=n).id for n in bases])
    made: list[Recreated] = []
    left_out = {each.code: each.not_recreated for each in published.mistakes if each.not_recreated}
    for mistake in published.mistakes:
        for name in mistake.recreated:
            if name == AUTOGRAD and variant.framework not in RECORDS_GRADIENTS:
                left_out[mistake.code] = f"{variant.framework} records nothing for gradients here; choose --variant"
                continue
            made += [each for each in _make(mistake, name, chosen) if each.base in chosen]
    return made, left_out


def plan_cells(recreated: Iterable[Recreated], variant: Variant) -> tuple[list[Workload], list[Cell]]:
    """Every right network and every mistaken one once, on one thread."""
    workloads: dict[str, Workload] = {}
    cells: dict[Cell, None] = {}
    for each in recreated:
        for network, mode in ((each.base, variant.modes[0]), (each.network, _mode(each, variant))):
            work = Workload(network=network)
            workloads[work.id] = work
            cells[Cell(work.id, variant.id, 1, mode)] = None
    return list(workloads.values()), list(cells)


def _mode(each: Recreated, variant: Variant) -> str:
    return variant.modes[0] if each.mode == "default" else each.mode


def _make(mistake: Mistake, name: str, bases: Sequence[str]) -> list[Recreated]:
    if name == FIRST_CALLS:
        what = f"the first {CALLS} calls in place of the steady ones"
        return [Recreated(mistake=mistake, name=name, base=b, network=b, calls=CALLS, what=what) for b in bases]
    if name == AUTOGRAD:
        what = "gradients recorded"
        return [Recreated(mistake=mistake, name=name, base=b, network=b, mode=AUTOGRAD, what=what) for b in bases]
    if name not in RECREATIONS:
        raise UnknownNameError("re-creation", name, [*RECREATIONS, FIRST_CALLS, AUTOGRAD])
    made = RECREATIONS[name]
    return [Recreated(mistake=mistake, name=name, base=made.network, network=name, what=made.what)]
