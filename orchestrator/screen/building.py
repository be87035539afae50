"""What does the user see while images are built, and at the end?"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from orchestrator.builder.events import Stage
from orchestrator.screen.plain import clean, console, say, show, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from rich.table import Table

    from orchestrator.analysis.packages import Difference
    from orchestrator.builder.engine import Present
    from orchestrator.builder.events import Built, Event
    from orchestrator.nouns.plan import Skipped


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


def show_built(results: list[Built], added: Mapping[str, int], *, as_json: bool) -> None:
    """What became of each image. `added`: bytes of the layers that none of the images above it has."""
    if as_json:
        write_json(
            [
                {
                    "image": built.image,
                    "status": built.status.value,
                    "seconds": round(built.seconds, 3),
                    "size_bytes": built.size_bytes,
                    "added_bytes": added.get(built.image),
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
    for column in ("image", "status", "time", "size", "adds"):
        right = column in {"time", "size", "adds"}
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for built in results:
        spent = f"{built.seconds:.1f} s" if built.seconds else "-"
        table.add_row(
            built.image, built.status, spent, say_megabytes(built.size_bytes), say_megabytes(added.get(built.image))
        )
    show(table)
    counts = {stage: sum(1 for built in results if built.status is stage) for stage in Stage}
    say(
        f"{len(results)} images: {counts[Stage.DONE]} built, {counts[Stage.PRESENT]} already there, "
        f"{counts[Stage.FAILED]} failed; {say_megabytes(sum(added.values()))} with shared layers counted once"
    )
    for built in results:
        if built.log and not built.ok:
            say(f"log of {built.image}: {built.log}")


def say_megabytes(size: int | None) -> str:
    """`1,234 MB`; a dash where it is not known."""
    return "-" if size is None else f"{size / 1e6:,.0f} MB"


def show_unbuilt(problems: Mapping[str, str], skipped: Iterable[Skipped]) -> None:
    """Rows that never came to a build, each with its reason."""
    for problem in problems.values():
        say(f"not built: {problem}")
    names = [name for name, _ in skipped]
    if names:
        say(f"left out, as nobody has seen them run (`bench variants --why ID`): {', '.join(names)}")


def show_removed(images: Mapping[str, Present], problems: Mapping[str, str], *, dry_run: bool) -> None:
    """What was removed, or would be."""
    for name, held in images.items():
        if name in problems:
            say(f"kept     {name}: {problems[name]}")
        else:
            say(f"{'would go' if dry_run else 'removed '} {name}  {say_megabytes(held.size_bytes)}")
    count = len(images) - len(problems)
    say(f"{count} images {'would be ' if dry_run else ''}removed; layers that others share stay with those")


def show_packages(packages: Mapping[str, str], *, as_json: bool) -> None:
    """Every package of one image."""
    if as_json:
        write_json({"packages": dict(packages)})
        return
    from orchestrator.report.grid import Grid

    show(Grid(f"{len(packages)} packages", ("package", "version"), list(packages.items())))


def show_differences(differences: Sequence[Difference], left: str, right: str, *, as_json: bool) -> None:
    """What two images do not share."""
    if as_json:
        write_json({"left": left, "right": right, "differences": [each._asdict() for each in differences]})
        return
    from orchestrator.report.grid import Grid

    lines = [(each.package, each.left or "-", each.right or "-") for each in differences]
    show(Grid(f"{len(lines)} packages differ", ("package", left, right), lines))


def _is_terminal() -> bool:
    return sys.stderr.isatty()
