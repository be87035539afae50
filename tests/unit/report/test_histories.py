"""Is a history readable by people and programs, with every level and what came with it?"""

from __future__ import annotations

import io
import json

from rich.console import Console

from orchestrator.analysis.history import trace_history
from orchestrator.report.histories import HEADINGS, history_table
from tests.makers import provenance, timed, variant


def table(form: str, runs: int = 16, kernel: str = "6.8") -> str:
    """A step of 20 % after half of the runs, with another kernel."""
    records = []
    for number in range(runs):
        after = number >= runs / 2
        host = {"cpu_model": "AMD EPYC", "kernel": kernel if after else "6.1", "governor": None}
        source = provenance(run=f"r{number}", started_at=f"2026-01-{1 + number:02d}T00:00:00Z", host=host)
        seconds = (0.12 if after else 0.1) * (1 + 0.001 * (number % 3))
        records += [timed(variant(), block, seconds * (1 + 0.001 * block), provenance=source) for block in range(5)]
    answer = history_table(trace_history(records), form)
    if isinstance(answer, str):
        return answer
    console = Console(width=300, file=io.StringIO(), force_terminal=True, color_system=None, legacy_windows=False)
    console.print(answer)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_level_has_a_line_and_a_change_says_what_came_with_it() -> None:
    lines = [line for line in table("markdown").splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert lines[0].count("|") == len(HEADINGS) + 1
    assert "| 1 change in 16 runs |" in lines[2]
    assert "slower: 1.2" in lines[3]
    assert "8 runs against 8, Welch t)" in lines[3]
    assert "host.kernel: 6.1 -&gt; 6.8" in lines[3]
    assert "2026-01-09" in lines[3]


def test_the_terminal_says_how_it_was_found_and_lets_nothing_steer_it() -> None:
    shown = table("table", kernel="\x1b]0;owned\x07<b>|")
    assert "penalty of 3 log n" in " ".join(shown.split())
    assert "\x1b" not in shown
    assert "<b>" not in table("markdown", kernel="<b>|x")


def test_json_holds_every_run_and_every_change() -> None:
    (found,) = json.loads(table("json"))["histories"]
    assert [point["run"] for point in found["points"]] == [f"r{number}" for number in range(16)]
    (change,) = found["changes"]
    assert (change["run"], change["point"], change["runs_before"], change["runs_after"]) == ("r8", 8, 8, 8)
    assert change["ratio_low"] < 1.2 < change["ratio_high"]
    assert change["differences"] == ["host.kernel: 6.1 -> 6.8"]


def test_too_few_runs_are_said_and_not_searched() -> None:
    assert "too few runs (6, at least 8)" in table("markdown", runs=6)
