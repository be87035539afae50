"""How does anything reach the terminal? Data on stdout, words to the user on stderr."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

# Control characters, and the ANSI and OSC sequences that they begin: nothing that a container or a file says
# may steer the user's terminal.
CONTROL = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """`text` without anything that would steer a terminal."""
    return CONTROL.sub("", text)


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
    write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def write_answer(answer: str | bytes, output: Path | None) -> None:
    """A report as text or bytes, to a file where one is named and to stdout otherwise."""
    if output is not None:
        output.write_bytes(answer if isinstance(answer, bytes) else answer.encode())
        say(f"wrote {output}")
    elif isinstance(answer, bytes):
        sys.stdout.buffer.write(answer)
    else:
        write_text(answer)
