"""Where does what differed stand: beside the verdict, or below the table where the terminal is too narrow for both?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.escape import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

WIDE = 150
"""Characters from which on four columns are readable; a terminal of the usual 80 or 100 has room for three."""


class Beside:
    """Two drawings of the same: rich asks for one of them once it knows how wide the terminal is."""

    def __init__(self, *, wide: RenderableType, narrow: RenderableType) -> None:
        self.wide, self.narrow = wide, narrow

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.wide if options.max_width >= WIDE else self.narrow


def draw_below(entries: Sequence[tuple[str, Sequence[str]]]) -> RenderableType:
    """A build's name, and under it, indented, a line for what differed and one for each sentence."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = [Text("  What differed", style="bold")]
    for name, lines in entries:
        parts.append(Padding(Text(clean_text(name)), (0, 0, 0, 2)))
        parts += [Padding(Text(clean_text(line)), (0, 0, 0, 6)) for line in lines]
    return Group(*parts, Text())
