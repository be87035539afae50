"""How does an answer reach the user, and what was wrong with the files that it was made from?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.screen.plain import say, show, write_answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from orchestrator.store.importing import Refused
    from orchestrator.store.reading import Problem

SHOWN = 20


def show_answer(answer: RenderableType | str | bytes, output: Path | None) -> None:
    """A drawing on the terminal; text and bytes as they are, to a file where one is named."""
    if isinstance(answer, str | bytes):
        write_answer(answer, output)
    elif output is not None:
        from rich.console import Console

        with output.open("w", encoding="utf-8") as file:
            Console(file=file, width=200, highlight=False).print(answer)
        say(f"wrote {output}")
    else:
        show(answer)


def show_problems(problems: Sequence[Problem]) -> None:
    """Files of the store that could not be used, on stderr."""
    for problem in problems[:SHOWN]:
        say(f"not used: {problem}")
    if len(problems) > SHOWN:
        say(f"... and {len(problems) - SHOWN} more: bench verify")


def show_refused(refused: Sequence[Refused]) -> None:
    """Members of an archive that were not taken, on stderr."""
    for each in refused[:SHOWN]:
        say(f"refused: {each.path}: {each.reason}")
    if len(refused) > SHOWN:
        say(f"... and {len(refused) - SHOWN} more")
