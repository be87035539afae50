"""Is what is said of the time that is left neither more nor less than what can be known?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from orchestrator.nouns.plan import Block, Cell, Departure, Trial, Why
from orchestrator.planner.estimate import Estimate
from orchestrator.runner.events import Began, Ended
from orchestrator.screen import running
from orchestrator.screen.remaining import clock, say_count, say_departure, say_estimate
from orchestrator.screen.running import RunScreen
from tests.makers import observed, record, variant, workload

CELLS = tuple(Cell(workload().id, variant(version=f"1.{number}").id, 1, "default") for number in range(3))


class Clock:
    """A machine on which trials take what the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(running, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def block(number: int, cells: tuple[Cell, ...], least: int, most: int, departed: tuple[Departure, ...] = ()) -> Block:
    trials = tuple(Trial(cell, number, position) for position, cell in enumerate(cells))
    return Block(number, cells, trials, departed, dict.fromkeys(cells, least), dict.fromkeys(cells, most))


def play(screen: RunScreen, ticking: Clock, made: Block, seconds: dict[Cell, float], waited: float = 0.0) -> None:
    screen(made)
    for trial in made.trials:
        screen(Began(trial, 1, 1))
        ticking.now += seconds[trial.cell] + waited
        row = variant(version=trial.cell.variant.split("-")[1])
        seen = observed(wall_s=seconds[trial.cell] - 0.5, overhead_s=0.5)
        screen(Ended(trial, 1, record(variant=row, block=trial.block, observed=seen)))


def test_nothing_is_promised_before_a_trial_has_ended() -> None:
    screen = RunScreen([Trial(cell, 0, 0) for cell in CELLS])
    assert screen.left().most_s is None


def test_the_time_left_is_that_of_the_trials_left_by_cell(ticking: Clock) -> None:
    screen = RunScreen(())
    play(screen, ticking, block(0, CELLS, 10, 10), {CELLS[0]: 1.0, CELLS[1]: 2.0, CELLS[2]: 4.0})
    left = screen.left()
    assert left.least_s == left.most_s == pytest.approx(9 * 7.0)


def test_where_precision_decides_it_has_two_ends_and_both_come_down(ticking: Clock) -> None:
    screen = RunScreen(())
    seconds = dict.fromkeys(CELLS, 2.0)
    play(screen, ticking, block(0, CELLS, 10, 100), seconds)
    assert screen.left()[:2] == pytest.approx((9 * 6.0, 99 * 6.0))
    play(screen, ticking, block(10, CELLS[:2], 1, 90), seconds)
    assert screen.left()[:2] == pytest.approx((0.0, 89 * 4.0))
    screen(block(11, (), 0, 0))
    assert screen.left()[:2] == (0.0, 0.0)


def test_waiting_for_cores_is_no_part_of_what_a_trial_takes(ticking: Clock) -> None:
    screen = RunScreen(())
    play(screen, ticking, block(0, CELLS, 2, 2), dict.fromkeys(CELLS, 1.0), waited=600.0)
    assert screen.left().least_s == pytest.approx(3.0)


def test_a_cell_that_leaves_is_named_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    gone = (
        Departure(CELLS[0], 10, 0.0071, Why.PRECISE),
        Departure(CELLS[1], 10, float("inf"), Why.FAILED, "10 of 10 trials are not valid: oom"),
        Departure(CELLS[2], 10, 0.5, Why.CAP),
    )
    RunScreen(())(block(10, (), 0, 0, gone))
    said = capsys.readouterr().err
    assert f"{CELLS[0].id} is precise enough: 0.71 % after 10 blocks" in said
    assert f"{CELLS[1].id} leaves after 10 blocks: 10 of 10 trials are not valid: oom" in said
    assert CELLS[2].id not in said, "the end of the run says those"


def test_what_was_not_reached_is_said_with_what_was() -> None:
    assert say_departure(Departure(CELLS[0], 40, 0.0234, Why.CAP)).endswith(
        "not precise enough: 2.34 % after all 40 blocks"
    )
    assert "no interval" in say_departure(Departure(CELLS[0], 40, float("inf"), Why.CAP))


@pytest.mark.parametrize(
    ("guess", "said"),
    [
        (Estimate(90.0, 90.0, 0), "about 1 min 30 s"),
        (Estimate(90.0, 7380.0, 0), "no less than 1 min 30 s, at most 2 h 3 min"),
        (
            Estimate(90.0, None, 1),
            "no less than 1 min 30 s; more is not known before the first block, as 1 cell has not run",
        ),
        (Estimate(90.0, None, 3), "3 cells have not run here yet"),
    ],
)
def test_an_estimate_says_what_is_known(guess: Estimate, said: str) -> None:
    assert said in say_estimate(guess)


def test_counts_and_clocks() -> None:
    assert say_count({CELLS[0]: 3}, {CELLS[0]: 3}) == "3 trials"
    assert say_count({CELLS[0]: 3}, {CELLS[0]: 9, CELLS[1]: 1}) == "3 to 10 trials"
    said = [clock(seconds) for seconds in (0, 4.4, 50, 59.6, 750, 3569, 3599.9, 3900, 7199, 7380)]
    assert said[:5] == ["0 s", "4 s", "50 s", "1 min", "12 min 30 s"]
    assert said[5:] == ["59 min 29 s", "1 h", "1 h 5 min", "2 h", "2 h 3 min"]
