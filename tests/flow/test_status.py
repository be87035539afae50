"""Does `bench status` say what is true of a store's runs, also when one of them had no time to say anything?"""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StoreError
from orchestrator.runner.status import State, read_status
from orchestrator.store.opening import open_store
from tests.flow.test_kills import RUN, TRIALS, Killed
from tests.flow.test_matrix import records


@pytest.fixture
def bench(tmp_path: Path) -> Killed:
    """A user with an empty home."""
    return Killed(tmp_path)


def read_state(bench: Killed) -> dict[str, Any]:
    """The one run of the store."""
    (found,) = bench("status", "--store", bench.store, "--json").json()["runs"]
    return dict(found)


def test_a_run_is_running_then_interrupted_then_finished(bench: Killed) -> None:
    process = bench.start_slowly()
    running = read_state(bench)
    assert (running["state"], running["process"]) == ("running", process.pid)
    assert running["done"] + running["left"] == TRIALS
    assert [each.state for each in read_status(open_store(bench.store))] == [State.RUNNING]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    begin = time.monotonic()
    (seen,) = read_status(open_store(bench.store))
    assert time.monotonic() - begin < 1.0
    assert seen.state is State.INTERRUPTED
    killed = read_state(bench)
    assert (killed["state"], killed["process"]) == ("interrupted", None)
    assert killed["done"] == len(records(bench.store)) == TRIALS - killed["left"]
    said = bench("status", "--store", bench.store)
    assert "interrupted" in said.out
    assert f"to go on: {shlex.join([*killed['command'], '--store', str(bench.store)])}" in said.err
    assert bench(*killed["command"][1:], "--store", bench.store).code == 0, "what is said can be typed"
    done = read_state(bench)
    assert (done["state"], done["done"], done["left"]) == ("finished", TRIALS, 0)
    assert done["run"] > killed["run"]


def test_names_of_runs_sort_as_they_came_whatever_the_clock_says(bench: Killed) -> None:
    argv = ("matrix", "--engine", "fake", "--variants", "numpy-1.24.2-distro-mkl-cpu", "--store", bench.store)
    assert bench(*argv, "--workloads", "mnist_softmax-infer-b1", "--blocks", "1").code == 0
    (first,) = (bench.store / "runs").iterdir()
    later = first.with_name(first.name.replace("-20", "-29", 1))  # of a clock that was set back since
    text = first.read_text().replace(first.stem, later.stem)
    first.unlink()
    later.write_text(text)
    assert bench(*argv, "--workloads", "mnist_softmax-infer-b1", "--blocks", "2").code == 0
    names = sorted(path.name for path in (bench.store / "runs").iterdir())
    assert names[0] == later.name
    assert names[1].startswith("r000002-20")


def test_a_second_run_of_a_store_is_refused_while_the_first_goes_on(bench: Killed) -> None:
    process = bench.start_slowly()
    try:
        said = bench(*RUN, "--store", bench.store)
        assert said.code == StoreError.exit_code
        assert "another run is writing to the store" in said.err
    finally:
        process.kill()
        process.communicate()


def test_trials_of_another_machine_are_added_to_only_where_that_is_asked_for(bench: Killed) -> None:
    row = ("--variants", "numpy-1.24.2-distro-mkl-cpu", "--workloads", "mnist_softmax-infer-b1")
    argv = ("matrix", "--engine", "fake", *row, "--store", bench.store)
    assert bench(*argv, "--blocks", "2").code == 0
    elsewhere = (
        "from orchestrator.runner import setup\n"
        "setup.PRETENDED_HOST['cpu_model'] = 'another'\n"
        "from orchestrator.cli.app import main\n"
        "main()\n"
    )
    process = bench.start_program(elsewhere, *argv, "--blocks", "3")
    _, said = process.communicate(timeout=60)
    assert process.returncode == StoreError.exit_code
    assert "2 trials of this plan" in said and "(fake); this is another" in said
    assert len(records(bench.store)) == 2
    again = bench.start_program(elsewhere, *argv, "--blocks", "2")
    assert again.communicate(timeout=60)[1] and again.returncode == 0, "nothing is left to run: nothing is refused"
    asked = bench.start_program(elsewhere, *argv, "--blocks", "3", "--allow-host-change")
    assert asked.communicate(timeout=60)[1] and asked.returncode == 0
    assert len(records(bench.store)) == 3


def test_a_file_that_is_no_run_is_none(bench: Killed) -> None:
    argv = ("matrix", "--engine", "fake", "--variants", "numpy-1.24.2-distro-mkl-cpu", "--store", bench.store)
    assert bench(*argv, "--workloads", "mnist_softmax-infer-b1", "--blocks", "1").code == 0
    folder = bench.store / "runs"
    (folder / "r000009-20260101-120000-abcdef.json").write_text("{")
    (folder / "r000008-20260101-120000-abcdef.json").symlink_to("/etc/passwd")
    os.mkfifo(folder / "r000007-20260101-120000-abcdef.json")
    assert read_state(bench)["state"] == "finished"
    assert json.loads(bench("results", "--store", bench.store, "--format", "json").out)
