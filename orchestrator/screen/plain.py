"""How does anything reach the terminal? Data on stdout, words to the user on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from orchestrator.report.escape import clean_text

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType


def clean(text: str) -> str:
    """`text` without anything that would steer a terminal; its lines stay lines."""
    return "\n".join(clean_text(line) for line in text.split("\n"))


def console(*, error: bool = False) -> Console:
    """A console on stdout (data) or stderr (words). Where stdout is no terminal, tables are wide, not cut."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else 200
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def say(message: str) -> None:
    """One line of words to the user."""
    console(error=True).print(clean(message), markup=False, soft_wrap=True)


def show(*renderables: RenderableType) -> None:
    """Tables and text on stdout."""
    out = console()
    for each in renderables:
        out.print(each)


def write_text(text: str) -> None:
    """Text on stdout as it is, with one newline at its end."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def write_json(document: Any) -> None:
    """One JSON document on stdout."""
    from orchestrator.report import formats  # what reports are made of takes its time to import

    write_text(formats.write_json(document))


def write_answer(answer: str | bytes, output: Path | None) -> None:
    """A report as text or bytes, to a file where one is named and to stdout otherwise."""
    if output is not None:
        output.write_bytes(answer if isinstance(answer, bytes) else answer.encode())
        say(f"wrote {output}")
    elif isinstance(answer, bytes):
        sys.stdout.buffer.write(answer)
    else:
        write_text(answer)
