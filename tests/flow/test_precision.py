"""Does `--precision` run as many blocks as the noise asks for, through the whole tool, also when it is interrupted?"""

from __future__ import annotations

import dataclasses
import math
import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.engines.fake import FakeEngine, answer, fail, make_reply
from orchestrator.errors import InterruptedRunError
from orchestrator.nouns.launch import End, Launch, Outcome
from orchestrator.nouns.plan import Block, Why
from orchestrator.runner.campaign import Request, Todo, find_departed, find_todo, run_todo
from orchestrator.runner.events import Ended
from orchestrator.store.reading import read_records

if TYPE_CHECKING:
    from orchestrator.nouns.variant import Variant
    from tests.command import Bench

ROWS = [f"numpy-1.24.2-distro-{blas}-cpu" for blas in ("openblas", "blis", "mkl")]
ASKED = Request(
    variants=",".join(ROWS),
    suite="demo",
    workloads="gemm-infer-b1",
    engine="fake",
    precision="1%",
    blocks=60,
)


class Restless(FakeEngine):
    """Processes differ by `spread`; after `stop` launches the user interrupts."""

    def __init__(self, spread: float, stop: int = 10**9) -> None:
        super().__init__(self._answer)
        self._spread = spread
        self._stop = stop

    def _answer(self, launch: Launch, row: Variant | None) -> Outcome:
        if len(self.launches) > self._stop:
            os.kill(os.getpid(), signal.SIGINT)
            return fail(launch, End.INTERRUPTED)
        name = launch.name.rpartition(".")[0]  # whichever attempt it is
        step_s = 0.02 * math.exp(random.Random(name).gauss(0.0, self._spread))
        reply = make_reply(launch, row, step_s=step_s)
        # no noise inside a process: its pad moves with the attempt, and a trial that is tried again must not
        count = len(reply.samples_s)
        return answer(launch, reply.model_copy(update={"samples_s": (step_s,) * count, "wall_s": step_s * count}))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def find(engine: FakeEngine, store: Path, **fields: Any) -> Todo:
    todo = find_todo(dataclasses.replace(ASKED, **fields), store, announce=lambda _: None)
    return dataclasses.replace(todo, chosen=todo.chosen._replace(engine=engine))


def go(todo: Todo) -> list[Any]:
    events: list[Any] = []
    try:
        run_todo(todo, failed={}, on_event=events.append, announce=lambda _: None)
    finally:
        todo.held.close()
    return events


def ran(events: list[Any]) -> list[tuple[str, int, int]]:
    return [(event.record.cell, event.record.block, event.record.position) for event in events if type(event) is Ended]


def test_a_quiet_machine_is_done_after_the_pilot(tmp_path: Path) -> None:
    todo = find(Restless(0.001), tmp_path / "s")
    assert len(ran(go(todo))) == 30
    assert {(each.blocks, each.why) for each in find_departed(todo)} == {(10, Why.PRECISE)}


def test_a_restless_one_goes_on_until_it_is_precise(tmp_path: Path) -> None:
    todo = find(Restless(0.015), tmp_path / "s")
    events = go(todo)
    departed = find_departed(todo)
    assert len(departed) == 2
    assert all(each.why is Why.PRECISE and 10 < each.blocks < 60 and each.half_width <= 0.01 for each in departed)
    last = max(each.blocks for each in departed)
    assert max(block for _, block, _ in ran(events)) == last - 1
    assert [event.number for event in events if type(event) is Block] == list(range(last + 1))


def test_the_most_blocks_are_kept_to_and_said(tmp_path: Path) -> None:
    todo = find(Restless(0.1), tmp_path / "s", blocks=12)
    assert len(ran(go(todo))) == 36
    assert {(each.blocks, each.why) for each in find_departed(todo)} == {(12, Why.CAP)}
    assert all(each.half_width > 0.01 for each in find_departed(todo))


def test_equal_runs_are_equal_and_another_seed_gives_another_order(tmp_path: Path) -> None:
    first, second, other = (
        ran(go(find(Restless(0.012), tmp_path / name, seed=seed))) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize("stop", [4, 30, 37])
def test_an_interrupted_run_goes_on_exactly_where_it_was(tmp_path: Path, stop: int) -> None:
    whole = ran(go(find(Restless(0.012), tmp_path / "whole")))
    assert len(whole) > 40, "the noise has to ask for more than the pilot, or nothing is tried here"
    cut = find(Restless(0.012, stop=stop), tmp_path / "cut")
    with pytest.raises(InterruptedRunError):
        go(cut)
    rest = find(Restless(0.012), tmp_path / "cut")
    certain = [trial for trial in whole[stop:] if trial[1] < 10 or trial[1] == whole[stop][1]]
    assert [(trial.cell.id, trial.block, trial.position) for trial in rest.trials] == certain
    assert ran(go(rest)) == whole[stop:]
    again, other = (find(Restless(0.012), tmp_path / name) for name in ("cut", "whole"))
    assert again.trials == other.trials == ()
    assert find_departed(rest) == find_departed(again) == find_departed(other)
    again.held.close()
    other.held.close()


def test_blocks_that_are_there_already_count_for_a_precision_asked_for_later(tmp_path: Path) -> None:
    fixed = go(find(Restless(0.001), tmp_path / "s", precision="", blocks=12))
    todo = find(Restless(0.001), tmp_path / "s")
    assert len(ran(fixed)) == 36
    assert todo.trials == ()
    assert todo.done == 36
    todo.held.close()


def test_a_precision_is_stored_and_moves_no_key(tmp_path: Path) -> None:
    todo = find(Restless(0.001), tmp_path / "s")
    go(todo)
    records, _ = read_records(todo.store)
    assert {record.method.precision for record in records} == {0.01}
    fixed = find(Restless(0.001), tmp_path / "s", precision="", blocks=10)
    assert fixed.trials == ()
    fixed.held.close()


def test_the_command_says_what_it_will_take_what_is_left_and_what_was_not_reached(bench: Bench, tmp_path: Path) -> None:
    command = (
        *("matrix", "--variants", ",".join(ROWS), "--suite", "demo", "--workloads", "gemm-infer-b1"),
        *("--engine", "fake", "--store", tmp_path / "s", "--precision", "0.05%", "--blocks", "11"),
    )
    planned = bench(*command, "--dry-run", "--json").json()
    assert planned["method"]["precision"] == pytest.approx(0.0005)
    assert (len(planned["blocks"]), planned["most_blocks"]) == (10, 11)
    assert planned["time"] == {"least_s": pytest.approx(30 * 0.1), "most_s": None, "unknown_cells": 3}
    said = bench(*command)
    assert said.code == 0, said.err
    assert "not known before the first block" in said.err
    assert "30 to 33 trials" in said.err
    assert "at most" in said.err
    assert said.err.count("is not precise enough:") >= 2
    again = bench(*command, "--json").json()
    assert again["ran"] == 0
    assert {each["why"] for each in again["precision"]} == {"cap"}
    more = bench(*command[:-1], "20", "--dry-run", "--json").json()
    assert more["already_there"] == 33
    assert more["time"]["unknown_cells"] == 0
    assert 0 < more["time"]["least_s"] < more["time"]["most_s"]


def test_a_precision_that_makes_no_sense_is_refused(bench: Bench) -> None:
    for arguments in (("--precision", "2"), ("--precision", "1%", "--blocks", "5")):
        said = bench("matrix", "--engine", "fake", *arguments)
        assert said.code == 2
        assert "--precision" in said.err
