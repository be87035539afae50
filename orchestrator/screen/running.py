"""What does the user see while trials run? Progress, time left, and what every cell has come to so far."""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Self

from orchestrator.nouns.plan import Block, Why
from orchestrator.nouns.record import Status
from orchestrator.planner.estimate import estimate
from orchestrator.report.durations import show_duration
from orchestrator.runner.events import Began, Ended
from orchestrator.screen.plain import clean, console, say
from orchestrator.screen.remaining import clock, say_departure, say_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import RenderableType

    from orchestrator.nouns.plan import Cell, Trial
    from orchestrator.nouns.record import Record
    from orchestrator.planner.estimate import Estimate
    from orchestrator.runner.events import Event


class RunScreen:
    """A live table on a terminal, a line per trial elsewhere.

    Redrawn only between trials: while one is timed, the orchestrator does nothing at all.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        from rich.live import Live

        self._least: Counter[Cell] = Counter(trial.cell for trial in trials)
        self._most = Counter(self._least)
        self._workloads = sorted({trial.cell.workload for trial in trials})
        self._done = 0
        self._bad: Counter[str] = Counter()
        self._now = ""
        self._spent: defaultdict[Cell, list[float]] = defaultdict(list)
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
        if isinstance(event, Block):
            self._begin_block(event)
        elif isinstance(event, Began):
            self._now = event.trial.cell.id
            self._mark = time.monotonic()
        elif isinstance(event, Ended):
            self._end(event.trial.cell, event.record)
        else:
            self._now = event.reason
            if self._live is None:
                say(event.reason)
        self._draw()

    def _begin_block(self, block: Block) -> None:
        self._least, self._most = Counter(block.least), Counter(block.most)
        for departure in block.departed:
            if departure.why is not Why.CAP:  # the end of the run says those
                self._tell(say_departure(departure))
        if self._live is None and block.trials and self._done:
            say(f"block {block.number}: {len(block.cells)} cells; left: {say_estimate(self.left())}")

    def _end(self, cell: Cell, record: Record) -> None:
        if record.status is not Status.ENGINE_LOST:  # that one is tried again
            self._done += 1
            self._least[cell] -= 1
            self._most[cell] -= 1
        # It may have waited for its cores, which says nothing of the next one; a pretended life took no time.
        seen, clock_s = record.observed, time.monotonic() - self._mark
        self._spent[cell].append(min(seen.wall_s + seen.overhead_s, clock_s) if seen else clock_s)
        place = (_row(record), record.workload.id)
        self._last_status[place] = record.status
        samples = record.reported.samples_s if record.reported else ()
        if record.status is Status.OK and samples:
            self._means[place].append(statistics.fmean(samples))
        else:
            self._bad[record.status] += 1
        if self._live is None:
            shown = show_duration(statistics.fmean(samples)) if samples else record.reason.partition("\n")[0][:120]
            say(f"[{self._done}/{self._total()}] {record.cell} block {record.block}: {record.status} {shown}")
        elif record.status is not Status.OK:
            self._tell(f"{record.status}: {record.cell}: {record.reason}")

    def _tell(self, line: str) -> None:
        if self._live is None:
            say(line[:400])
        else:
            self._live.console.print(clean(line)[:400], markup=False, soft_wrap=True)

    def left(self) -> Estimate:
        """What the rest takes, if a cell's trials take what they have taken in this run; others count as the mean."""
        seconds = {cell: statistics.fmean(values) for cell, values in self._spent.items()}
        typical = statistics.fmean(seconds.values()) if seconds else 0.0
        known = {cell: seconds.get(cell, typical) for cell in self._most} if seconds else {}
        return estimate(self._least, self._most, known, shortest_s=0.0)

    def _total(self) -> str:
        low, high = (self._done + sum(left.values()) for left in (self._least, self._most))
        return str(low) if low == high else f"{low} to {high}"

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
        left = f"{say_estimate(self.left())} left" if self._spent else ""
        head = f"{self._done} of {self._total()} trials{bad}; {clock(spent)} so far{f'; {left}' if left else ''}"
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("variant", no_wrap=True)
        for workload in self._workloads:
            table.add_column(workload, justify="right", no_wrap=True)
        for row in sorted({row for row, _ in self._last_status}):
            table.add_row(row, *(self._cell((row, workload)) for workload in self._workloads))
        bar = Table.grid()  # a bar alone ends no line
        bar.add_row(ProgressBar(self._done + sum(self._least.values()), self._done, width=60))
        return Group(Text(head), bar, Text(self._now, style="dim"), table)

    def _cell(self, place: tuple[str, str]) -> str:
        means = self._means.get(place)
        if means:
            return f"{show_duration(statistics.fmean(means))} ({len(means)})"
        return self._last_status.get(place, "")


def _row(record: Record) -> str:
    mode = "" if record.mode == "default" else f" {record.mode}"
    return f"{record.variant.id}:t{record.threads}{mode}"
