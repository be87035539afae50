"""Does the self-test pass on an honest engine, and fail on one that hides a difference or makes one up?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.engines.fake import FakeEngine, answer, make_reply
from orchestrator.nouns.job import Job
from orchestrator.nouns.launch import Launch, Outcome
from orchestrator.nouns.site import Site
from orchestrator.runner.planted import NODES, chain, pretend
from orchestrator.runner.selftest import Selftest, choose_for_selftest, run_selftest
from orchestrator.runner.subject import make_twin
from orchestrator.screen.selftest import say_failure
from orchestrator.stats.verdicts import Word
from tests.makers import variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.nouns.variant import Variant
    from tests.command import Bench

    Script = Callable[[Launch, Variant | None], Outcome]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def selftest(folder: Path, script: Script = pretend, repeats: int = 1) -> Selftest:
    chosen = choose_for_selftest("fake", Site())._replace(engine=FakeEngine(script))
    return run_selftest(chosen, Site(), folder / "s", seed=None, repeats=repeats, announce=lambda _: None)


def nodes(launch: Launch) -> int:
    network = Job.model_validate_json(launch.files["job.json"]).network
    return len(network.nodes) if network else 0


def blind(launch: Launch, row: Variant | None) -> Outcome:
    """Everything takes the same time, however much work it is."""
    return answer(launch, make_reply(launch, row, step_s=0.05))


def partial(launch: Launch, row: Variant | None) -> Outcome:
    """The second name is slower for no reason."""
    factor = 1.04 if "-twin-" in launch.name else 1.0
    return answer(launch, make_reply(launch, row, step_s=factor * nodes(launch) * 0.5e-3))


def exaggerating(launch: Launch, row: Variant | None) -> Outcome:
    """Half as much more work takes twice the time."""
    return answer(launch, make_reply(launch, row, step_s=nodes(launch) ** 1.71 * 0.02e-3))


def broken(launch: Launch, row: Variant | None) -> Outcome:
    """Every process of the second name computes something else."""
    if "-twin-" in launch.name:
        return answer(launch, make_reply(launch, row, status="wrong"))
    return pretend(launch, row)


def test_an_honest_engine_passes(tmp_path: Path) -> None:
    found = selftest(tmp_path)
    assert found.ok
    assert [each.check.name for each in found.answers] == ["A/A", "A/B 1.5x", "A/B 1.03x"]
    assert [each.comparison.ratio.n for each in found.answers if each.comparison.ratio] == [10, 10, 20]
    assert [each.comparison.verdict.word for each in found.answers[1:]] == [Word.SLOWER, Word.SLOWER]
    assert "Scope" in found.scope


def test_an_engine_that_is_blind_to_work_fails_to_find_what_was_planted(tmp_path: Path) -> None:
    found = selftest(tmp_path, blind)
    assert not found.ok
    assert found.claims == 0
    assert [each.check.name for each in found.failed] == ["A/B 1.5x", "A/B 1.03x"]
    assert "A/B 1.5x: expected slower" in say_failure(found)


def test_an_engine_that_tells_equals_apart_fails(tmp_path: Path) -> None:
    found = selftest(tmp_path, partial)
    assert found.claims == 1
    assert not found.ok
    assert "up to 5 % of honest runs" in say_failure(found)


def test_an_interval_that_misses_the_planted_ratio_fails_though_the_word_is_right(tmp_path: Path) -> None:
    found = selftest(tmp_path, exaggerating)
    assert [each.comparison.verdict.word for each in found.answers[1:]] == [Word.SLOWER, Word.SLOWER]
    assert [each.check.name for each in found.failed] == ["A/B 1.5x", "A/B 1.03x"]


def test_trials_that_are_not_valid_fail_every_check(tmp_path: Path) -> None:
    found = selftest(tmp_path, broken)
    assert found.claims == 1
    assert len(found.failed) == 2
    assert {each.comparison.verdict.word for each in found.answers} == {Word.INVALID}


def test_repeated_comparisons_of_equals_have_blocks_of_their_own_and_a_tally(tmp_path: Path) -> None:
    honest, partisan = selftest(tmp_path / "a", repeats=5), selftest(tmp_path / "b", partial, repeats=5)
    assert len(honest.answers) == 7
    assert len({each.comparison.ratio for each in honest.answers[:5]}) == 5
    assert all(each.comparison.ratio and each.comparison.ratio.n == 10 for each in honest.answers[:5])
    assert (honest.claims, honest.repeats, honest.allowed) == (0, 5, 1)
    assert partisan.claims == 5
    assert "5 of 5 comparisons of equals" in say_failure(partisan)


def test_the_work_of_a_chain_is_its_number_of_products() -> None:
    for count in (1, 2, NODES):
        made = chain(count)
        assert len(made.nodes) == len({node.name for node in made.nodes}) == count
        assert [node.inputs[0] for node in made.nodes] == ["x", *(node.name for node in made.nodes[:-1])]
        assert made.parameters == sum(size[0] * size[1] for node in made.nodes for size in node.weights.values())


def test_a_twin_is_the_same_build_under_another_name() -> None:
    for row in (variant(), variant(tag="coretype-haswell"), variant(tag="x" * 32)):
        twin = make_twin(row)
        assert twin.id != row.id
        assert type(row).model_validate(twin.model_dump()) == twin
        assert twin.model_copy(update={"tag": row.tag}) == row


def test_the_command_prints_three_lines_and_its_exit_code_says_the_rest(bench: Bench) -> None:
    said = bench("selftest", "--engine", "fake")
    assert said.code == 0, said.err
    assert all(name in said.out for name in ("A/A", "A/B 1.5x", "A/B 1.03x"))
    assert "Scope:" in said.err
    document = bench("selftest", "--engine", "fake", "--format", "json").json()
    assert document["ok"]
    assert [each["ok"] for each in document["checks"]] == [True] * 3
    assert not list(bench.folder.glob("data/**/records")), "without --store nothing is kept"


def test_the_records_are_kept_where_a_store_is_named_and_each_run_measures_anew(bench: Bench, tmp_path: Path) -> None:
    for count in (60, 120):
        assert bench("selftest", "--engine", "fake", "--store", tmp_path / "s").code == 0
        assert len(list((tmp_path / "s").glob("records/*/[!.]*.json"))) == count
    assert bench("verify", "--store", tmp_path / "s").code == 0
