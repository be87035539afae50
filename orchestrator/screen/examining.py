"""How does `bench doctor` show what it found? What matters first, each with what to type; what is well in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.runner.doctor.finding import Finding, Level
from orchestrator.screen.plain import clean, show, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

ORDER = tuple(Level)
COLOURS = {Level.BAD: "bold red", Level.WARN: "yellow", Level.UNSEEN: "cyan", Level.OK: "green"}


def show_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Groups by their worst finding; a summary at the end."""
    if as_json:
        write_json({"summary": summarise(findings), "findings": [finding._asdict() for finding in findings]})
        return
    parts: list[RenderableType] = []
    for name, members in sort_groups(findings):
        parts += [_title(name), _draw_group(members), ""]
    show(*parts, _title(summarise(findings)))


def sort_groups(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """The group with the worst finding first, and in each group the worst finding first; else as they came."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.group, []).append(finding)
    made = [(name, sorted(members, key=_rank)) for name, members in groups.items()]
    return sorted(made, key=lambda group: [ORDER.index(each.level) for each in group[1]])


def summarise(findings: Sequence[Finding]) -> str:
    """`2 things would spoil a measurement here; 3 cannot be seen.`"""
    spoilers = sum(each.level in {Level.BAD, Level.WARN} for each in findings)
    unseen = sum(each.level is Level.UNSEEN for each in findings)
    said = {0: "Nothing that was looked at", 1: "1 thing"}.get(spoilers, f"{spoilers} things")
    return f"{said} would spoil a measurement here; {unseen or 'none'} cannot be seen."


def _rank(finding: Finding) -> int:
    return ORDER.index(finding.level)


def _draw_group(members: Sequence[Finding]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, width=6)
    table.add_column(no_wrap=True, width=16)
    table.add_column(overflow="fold", ratio=1)
    for each in members:
        table.add_row(Text(f"  {each.level}", style=COLOURS[each.level]), clean(each.what), Text(clean(each.found)))
        if each.means:
            table.add_row("", "", Text(clean(each.means), style="dim"))
        if each.advice:
            table.add_row("", "", Text.assemble(("→ ", "bold"), (clean(each.advice), "bold")))
    return table


def _title(text: str) -> RenderableType:
    from rich.text import Text

    return Text(clean(text), style="bold")
