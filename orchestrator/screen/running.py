"""What does the user see while trials run? Progress, time left, and what every cell has come to so far."""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Self

from orchestrator.nouns.record import Status
from orchestrator.report.durations import show_duration
from orchestrator.runner.events import Began, Ended
from orchestrator.screen.plain import clean, console, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import RenderableType

    from orchestrator.nouns.plan import Trial
    from orchestrator.nouns.record import Record
    from orchestrator.runner.events import Event


class RunScreen:
    """A live table on a terminal, a line per trial elsewhere.

    Redrawn only between trials: while one is timed, the orchestrator does nothing at all.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        from rich.live import Live

        self._left = Counter(trial.cell.id for trial in trials)
        self._workloads = sorted({trial.cell.workload for trial in trials})
        self._total = len(trials)
        self._done = 0
        self._bad: Counter[str] = Counter()
        self._now = ""
        self._spent: defaultdict[str, list[float]] = defaultdict(list)
        self._means: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._last_status: dict[tuple[str, str], str] = {}
        self._begun = self._mark = time.monotonic()
        terminal = sys.stderr.isatty()
        self._live = Live(console=console(error=True), auto_refresh=False, transient=True) if terminal else None

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
        """Take one event of a run."""
        if isinstance(event, Began):
            self._now = event.trial.cell.id
            self._mark = time.monotonic()
        elif isinstance(event, Ended):
            self._end(event.record, retried=event.record.status is Status.ENGINE_LOST)
        else:
            self._now = event.reason
            if self._live is None:
                say(event.reason)
        self._draw()

    def _end(self, record: Record, *, retried: bool) -> None:
        if not retried:
            self._done += 1
            self._left[record.cell] -= 1
        self._spent[record.cell].append(time.monotonic() - self._mark)
        place = (_row(record), record.workload.id)
        self._last_status[place] = record.status
        samples = record.reported.samples_s if record.reported else ()
        if record.status is Status.OK and samples:
            self._means[place].append(statistics.fmean(samples))
        else:
            self._bad[record.status] += 1
        if self._live is None:
            shown = show_duration(statistics.fmean(samples)) if samples else record.reason.partition("\n")[0][:120]
            say(f"[{self._done}/{self._total}] {record.cell} block {record.block}: {record.status} {shown}")
        elif record.status is not Status.OK:
            line = f"{record.status}: {record.cell}: {record.reason}"
            self._live.console.print(clean(line)[:400], markup=False, soft_wrap=True)

    def left_s(self) -> float:
        """Seconds that the rest will take, if each cell's trials take what they have taken so far."""
        known = [value for values in self._spent.values() for value in values]
        typical = statistics.fmean(known) if known else 0.0
        return sum(
            count * (statistics.fmean(self._spent[cell]) if self._spent.get(cell) else typical)
            for cell, count in self._left.items()
        )

    def _draw(self) -> None:
        if self._live:
            self._live.update(self._table(), refresh=True)

    def _table(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        spent = time.monotonic() - self._begun
        bad = "".join(f", {count} {status}" for status, count in self._bad.items())
        head = f"{self._done} of {self._total} trials{bad}; {_clock(spent)} so far, about {_clock(self.left_s())} left"
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("variant", no_wrap=True)
        for workload in self._workloads:
            table.add_column(workload, justify="right", no_wrap=True)
        for row in sorted({row for row, _ in self._last_status}):
            table.add_row(row, *(self._cell((row, workload)) for workload in self._workloads))
        bar = Table.grid()  # a bar alone ends no line
        bar.add_row(ProgressBar(self._total, self._done, width=60))
        return Group(Text(head), bar, Text(self._now, style="dim"), table)

    def _cell(self, place: tuple[str, str]) -> str:
        means = self._means.get(place)
        if means:
            return f"{show_duration(statistics.fmean(means))} ({len(means)})"
        return self._last_status.get(place, "")


def _row(record: Record) -> str:
    mode = "" if record.mode == "default" else f" {record.mode}"
    return f"{record.variant.id}:t{record.threads}{mode}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
