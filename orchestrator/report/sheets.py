"""How do a few small tables of text with words below them look on a terminal, and in Markdown?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.escape import clean_text, markdown_text
from orchestrator.report.formats import write_markdown

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


def draw_sheets(sheets: Sequence[Sheet], below: Sequence[str]) -> RenderableType:
    """For rich to draw; the first column is never folded."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    for sheet in sheets:
        table = Table(
            title=Text(clean_text(sheet.title)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
        )
        for index, heading in enumerate(sheet.headings):
            table.add_column(heading, no_wrap=index == 0, overflow="fold")
        for line in sheet.lines:
            # Text, not str: square brackets are shown, not taken for markup.
            table.add_row(*(Text("\n".join(map(clean_text, cell.split("\n")))) for cell in line))
        parts += [table, *(Text(clean_text(words)) for words in sheet.below), Text("")]
    return Group(*parts, *(Text(clean_text(words)) for words in below))


def write_sheets(sheets: Sequence[Sheet], below: Sequence[str]) -> str:
    """Markdown."""
    parts = []
    for sheet in sheets:
        cells = [[cell.replace("\n", "; ") for cell in line] for line in sheet.lines]
        words = "".join(f"\n{markdown_text(line)}\n" for line in sheet.below)
        parts.append(f"**{markdown_text(sheet.title)}**\n\n{write_markdown(sheet.headings, cells)}{words}")
    return "\n".join([*parts, *(f"{markdown_text(words)}\n" for words in below)])
