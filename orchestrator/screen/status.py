"""How far have the runs of a store come?"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.wording import say_number
from orchestrator.report.grid import Grid
from orchestrator.runner.status import State
from orchestrator.screen.plain import say, show, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.runner.status import RunStatus


def show_status(found: Sequence[RunStatus], store: Path, *, as_json: bool) -> None:
    """A line per command, and for each that is not finished what to type."""
    if as_json:
        write_json({"store": str(store), "runs": [_document(each) for each in found]})
        return
    lines = [(each.run.name, each.state, str(each.done), _left(each), str(each.pid or "-")) for each in found]
    if lines:
        show(Grid(f"Runs of {store}", ("run", "state", "done", "left", "process"), lines, right=("done", "left")))
    else:
        say(f"no run is recorded in {store}")
    for each in found:
        if each.state is State.INTERRUPTED:
            missing = say_number(each.left, "trial")
            say(f"{each.run.name}: {missing} missing; to go on: {_command(each, store)}")


def _left(each: RunStatus) -> str:
    return str(each.left) if each.most == each.left else f"{each.left} to {each.most}"


def _command(each: RunStatus, store: Path) -> str:
    return shlex.join(["bench", *each.run.command, "--store", str(store)])


def _document(each: RunStatus) -> dict[str, Any]:
    return {
        "run": each.run.name,
        "state": str(each.state),
        "done": each.done,
        "left": each.left,
        "most_left": each.most,
        "process": each.pid,
        "command": ["bench", *each.run.command],
    }
