"""Does the doctor see on a real engine what it is there to see?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engines.docker.launch import create_container
from orchestrator.engines.docker.state import read_state
from orchestrator.runner.doctor.engine import judge_state
from orchestrator.runner.doctor.finding import Level
from tests.command import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.engines.docker import DockerEngine
    from tests.engine.conftest import MakeLaunch

pytestmark = pytest.mark.engine


def test_a_pinned_container_that_runs_is_named_with_its_cpus_and_its_counters_are_found(
    engine: DockerEngine, launch: MakeLaunch
) -> None:
    wanted = launch("import time; time.sleep(60)")
    container = create_container(engine.client, wanted)
    try:
        assert container not in {each.id for each in read_state(engine.client).running}, "it does not run yet"
        engine.client.start(container)
        state = read_state(engine.client)
    finally:
        engine.client.remove_container(container, v=True, force=True)
    (seen,) = [each for each in state.running if each.id == container]
    assert seen.cpus == str(wanted.cpus[0])
    assert seen.ours
    assert state.version
    found = {each.what: each for each in judge_state(state)}
    assert found["containers"].level is Level.WARN
    assert seen.name in found["containers"].found


def test_the_command_looks_at_this_machine_and_says_one_json_document(engine: DockerEngine, tmp_path: Path) -> None:
    done = Bench(tmp_path)("doctor", "--json")
    assert done.code == 0, done.err
    document = done.json()
    levels = {each["what"]: each["level"] for each in document["findings"]}
    assert levels["docker"] in {"ok", "warn"}
    assert levels["counters"] in {"ok", "?", "warn"}
    assert "would spoil a measurement here" in document["summary"]
