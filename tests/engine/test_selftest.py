"""Does the self-test see, through a real engine, half as much more work in the same build?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.engines.choose import Chosen
from orchestrator.nouns.site import Site
from orchestrator.runner.planted import CHECKS
from orchestrator.runner.selftest import run_selftest
from orchestrator.stats.verdicts import Word

if TYPE_CHECKING:
    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine


@pytest.mark.timeout(900)  # on a new machine it builds an image
def test_half_as_much_more_work_is_found_in_real_containers(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    checks = (CHECKS[0]._replace(blocks=6), CHECKS[1])
    found = run_selftest(
        Chosen(engine, engine.check(), ""),
        Site(),
        tmp_path / "s",
        seed=None,
        repeats=1,
        announce=lambda _: None,
        checks=checks,
    )
    equal, more = (each.comparison for each in found.answers)
    with capsys.disabled():
        print(f"\n  A/A: {equal.text}\n  A/B 1.5x: {more.text}")  # noqa: T201  (equals are told apart 1 time in 20)
    assert equal.verdict.word is not Word.INVALID, equal.text
    assert more.ratio is not None, more.text
    assert more.ratio.n == CHECKS[1].blocks
    # On a machine with neighbours the host says itself where it was too restless for a word.
    assert more.verdict.word is Word.SLOWER or more.verdict.reason.startswith("suspect"), more.text
    assert 1.2 < more.ratio.estimate < 1.8, more.text
