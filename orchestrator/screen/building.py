"""What does the user see while images are built, and at the end?"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from orchestrator.builder.events import Stage
from orchestrator.screen.plain import clean, console, say, show, write_json

if TYPE_CHECKING:
    from types import TracebackType

    from rich.table import Table

    from orchestrator.builder.events import Built, Event


class BuildScreen:
    """Live lines on a terminal: one per image in work. Elsewhere one line per image that begins or ends."""

    def __init__(self) -> None:
        from rich.live import Live

        self._steps: dict[str, tuple[float, str]] = {}
        self._waiting = 0
        self._live = Live(console=console(error=True), refresh_per_second=4, transient=True) if _is_terminal() else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if event.stage is Stage.QUEUED:
            self._waiting += 1
        elif event.stage is Stage.STEP:
            begun = event.image in self._steps
            start = self._steps[event.image][0] if begun else time.monotonic()
            self._steps[event.image] = (start, event.text)
            if not begun and self._live is None:
                say(f"building  {event.image}")
        elif event.stage in {Stage.DONE, Stage.FAILED}:
            self._waiting -= 1
            self._steps.pop(event.image, None)
            self._line(event)
        if self._live:
            self._live.update(self._table())

    def _line(self, event: Event) -> None:
        word = "built   " if event.stage is Stage.DONE else "FAILED  "
        text = event.text if event.stage is Stage.DONE else f"\n{event.text}"
        if self._live:
            self._live.console.print(clean(f"{word}  {event.image}  {text}"), markup=False, soft_wrap=True)
        else:
            say(f"{word}  {event.image}  {text}")

    def _table(self) -> Table:
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for image, (start, step) in self._steps.items():
            table.add_row(image, f"{time.monotonic() - start:5.0f} s", clean(step)[:100])
        table.add_row(f"{self._waiting} to go", "", "", style="dim")
        return table


def show_built(results: list[Built], *, as_json: bool) -> None:
    """What became of each image."""
    if as_json:
        write_json(
            [
                {
                    "image": built.image,
                    "status": built.status.value,
                    "seconds": round(built.seconds, 3),
                    "size_bytes": built.size_bytes,
                    "image_id": built.image_id,
                    "log": str(built.log) if built.log else None,
                    "reason": built.reason,
                }
                for built in results
            ]
        )
        return
    from rich.table import Table

    table = Table(title="Images", title_justify="left")
    for column in ("image", "status", "time", "size"):
        table.add_column(column, justify="right" if column in {"time", "size"} else "left", no_wrap=True)
    for built in results:
        size = f"{built.size_bytes / 1e6:,.0f} MB" if built.size_bytes is not None else "-"
        spent = f"{built.seconds:.1f} s" if built.seconds else "-"
        table.add_row(built.image, built.status, spent, size)
    show(table)
    counts = {stage: sum(1 for built in results if built.status is stage) for stage in Stage}
    say(
        f"{len(results)} images: {counts[Stage.DONE]} built, {counts[Stage.PRESENT]} already there, "
        f"{counts[Stage.FAILED]} failed"
    )
    for built in results:
        if built.log and not built.ok:
            say(f"log of {built.image}: {built.log}")


def _is_terminal() -> bool:
    return sys.stderr.isatty()
