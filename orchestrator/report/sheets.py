"""How do a few small tables of text with words below them look on a terminal, and in Markdown?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.escape import clean_text, markdown_text
from orchestrator.report.formats import write_markdown
from orchestrator.report.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType


@dataclass(frozen=True)
class Sheet:
    """A table, and what has to be read with it."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    below: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    """Headings of columns of numbers; this and the next two are for a terminal, as report/grid.py has them."""
    constant: tuple[str, ...] = ()
    names: int = 1


def draw_sheets(sheets: Sequence[Sheet], below: Sequence[str]) -> RenderableType:
    """For rich to draw; no number or name is cut or folded."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for sheet in sheets:
        grid = Grid(
            sheet.title,
            sheet.headings,
            sheet.lines,
            right=sheet.right,
            constant=sheet.constant,
            names=sheet.names,
        )
        parts += [grid, *(Text(clean_text(words)) for words in sheet.below), *([Text()] if sheet.below else [])]
    return Group(*parts, *(Text(clean_text(words)) for words in below))


def write_sheets(sheets: Sequence[Sheet], below: Sequence[str]) -> str:
    """Markdown."""
    parts = []
    for sheet in sheets:
        cells = [[cell.replace("\n", "; ") for cell in line] for line in sheet.lines]
        words = "".join(f"\n{markdown_text(line)}\n" for line in sheet.below)
        parts.append(f"**{markdown_text(sheet.title)}**\n\n{write_markdown(sheet.headings, cells)}{words}")
    return "\n".join([*parts, *(f"{markdown_text(words)}\n" for words in below)])
