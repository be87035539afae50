"""Is a program outside Python asked, believed and proved as it should be? A small one in Python stands for it."""

from __future__ import annotations

import ctypes
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.workloads.networks import SEED, compute, tiny_network
from workloads import expected as oracle
from workloads import harness, program
from workloads.backends import cpp
from workloads.backends.base import Unsupported
from workloads.evidence import elsewhere, symbols

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# As images/programs/harness.h answers. What it `computes` lies in files named 0 and 1 beside it: logits and prob.
ANSWERS = """\
import ctypes, json, os, shutil, sys
here = os.path.dirname(os.path.abspath(__file__))
requests, answers = os.fdopen(int(sys.argv[1])), os.fdopen(int(sys.argv[2]), "w")
libc = ctypes.CDLL(None)
measured = False
for line in requests:
    request = json.loads(line)
    wanted, answer = request["do"], {}
    if wanted == "build":
        assert "expected" not in request["job"]
        answer = {"parameters": request["job"]["network"]["parameters"]}
    elif wanted == "step":
        answer = {"seconds": 0.25}
    elif wanted == "outputs":
        names = {"logits": "0", "prob": "1"}
        end = "later" if measured and os.path.exists(here + "/0later") else ""
        for file in names.values():
            shutil.copy(os.path.join(here, file + end), os.path.join(request["folder"], file))
        answer = {"outputs": {name: os.path.join(request["folder"], names[name]) for name in names}}
    elif wanted == "measure":
        measured = True
        clocks = {"start": {"1": [0, 0], "2": [0, 0]}, "stop": {"1": [900000000, 100000000], "2": [5, 5]}}
        answer = {"warmup_s": [2.0], "samples_s": [0.5, 0.25], "loops": 2, "wall_s": 1.0, "cpu_s": 0.9}
        answer.update(threads=clocks, denormals="kept")
    elif wanted == "describe":
        answer = {"version": "1.2", "build": "by hand", "pools": {"own": 1}, "precision": "float32", "device": "cpu"}
        answer.update(arithmetic={"gradients": "off"}, language="C++17, g++ 0", denormals="kept")
    elif wanted == "capture":
        kept = os.dup(1)
        file = os.open(request["to"], os.O_WRONLY | os.O_CREAT)
        os.dup2(file, 1)
    elif wanted == "release":
        os.dup2(kept, 1)
    elif wanted == "say":
        os.write(1, request["text"].encode())
    elif wanted == "call":
        answer = {"has": request["symbol"] in ("getpagesize", "gnu_get_libc_version", "abs", "fill", "numbers")}
        values = {"int": abs(request.get("argument", 0)), "text": "2.36", "buffer": "Version 7", "version": [3, 1, 4]}
        answer["value"] = values.get(request["returns"])
    elif wanted == "refuse":
        answer = {"unsupported": "operator Gru: there is none"}
    elif wanted == "fail":
        answer = {"error": "out of ideas"}
    elif wanted == "die":
        sys.exit(3)
    answers.write(json.dumps(answer) + "\\n")
    answers.flush()
"""


class Backend(cpp.Backend):  # type: ignore[misc]
    """A framework of which nothing is known but what its program says."""

    name = "by hand"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's, with the right outputs of the tiny network beside it; it is the one that the harness starts."""
    file = tmp_path / "program"
    file.write_text(f"#!{sys.executable}\n{ANSWERS}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    for number, name in enumerate(("logits", "prob")):
        compute(tiny_network())[name].astype(np.float32).tofile(tmp_path / str(number))
    monkeypatch.setattr(program, "PATH", str(file))
    monkeypatch.chdir(tmp_path)
    return file


@pytest.fixture
def running(path: Path) -> Iterator[program.Program]:
    made = program.Program(str(path))
    yield made
    made.close()
    assert made.process.returncode is not None


@pytest.fixture(autouse=True)
def _libraries_of_this_process_again() -> Iterator[None]:
    yield
    symbols._elsewhere.clear()


def job(**fields: Any) -> dict[str, Any]:
    network = tiny_network()
    defaults = {
        "backend": "by_hand",
        "network": network,
        "batch": 1,
        "mode": "infer",
        "region": "compute",
        "execution": "default",
        "dtype": "float32",
        "seed": SEED,
        "threads": 1,
        "onednn": "absent",
        "device": "cpu",
        "warmup": 1,
        "min_time_s": 0.01,
        "min_count": 2,
        "max_time_s": 5.0,
        "expected": oracle.expected(network, 1, SEED),
    }
    return {**defaults, **fields}


def answered(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> tuple[dict[str, Any], BaseException | None]:
    monkeypatch.setattr(harness.importlib, "import_module", lambda _: sys.modules[__name__])
    answer: dict[str, Any] = {}
    try:
        harness.execute(job(**fields), answer, harness.Phases())
    except Exception as problem:
        return answer, problem
    return answer, None


def test_what_it_says_of_its_time_and_of_itself_is_the_reply(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, problem = answered(monkeypatch)
    assert problem is None
    assert answer["parameters"] == tiny_network()["parameters"]
    assert (answer["first_s"], answer["samples_s"], answer["loops"]) == (0.25, [0.5, 0.25], 2)
    assert answer["peak_rss_bytes"] > 0
    assert max(answer["errors"].values()) < 1e-5
    evidence = answer["evidence"]
    assert (evidence["python"], evidence["numpy"]) == ("none: C++17, g++ 0", "none")
    assert (evidence["framework"], evidence["framework_version"], evidence["build"]) == ("by hand", "1.2", "by hand")
    assert evidence["threads"] == {"asked": 1, "process": 2, "busy": 1, "pools": {"own": 1}}
    assert evidence["affinity"] == sorted(os.sched_getaffinity(0))
    left = sorted(each.name for each in path.parent.iterdir())
    assert left == ["0", "1", "program"], "files that were written for it were left behind"


def test_a_wrong_output_is_found_before_anything_is_timed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.zeros(10, np.float32).tofile(path.parent / "0")
    answer, problem = answered(monkeypatch)
    assert type(problem).__name__ == "Wrong"
    assert "logits" in str(problem)
    assert "samples_s" not in answer


def test_so_is_one_that_got_fast_by_computing_nothing_any_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in "01":
        np.zeros(10, np.float32).tofile(path.parent / f"{number}later")
    answer, problem = answered(monkeypatch)
    assert type(problem).__name__ == "Wrong"
    assert answer["samples_s"] == [0.5, 0.25]


def test_an_output_that_is_too_short_or_not_finite_is_wrong(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for array in (np.zeros(9), np.full(10, np.nan)):
        array.astype(np.float32).tofile(path.parent / "0")
        assert type(answered(monkeypatch)[1]).__name__ == "Wrong"


def test_modes_that_no_program_has_are_unsupported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mode in ("gradient", "peak"):
        assert isinstance(answered(monkeypatch, mode=mode)[1], Unsupported), path


def test_a_refusal_an_error_and_a_death_have_their_reasons(running: program.Program) -> None:
    with pytest.raises(Unsupported, match="operator Gru: there is none"):
        running.ask("refuse")
    with pytest.raises(RuntimeError, match="cannot fail: out of ideas"):
        running.ask("fail")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="ended with 3 when asked to die"):
            running.ask("die")


def test_what_it_prints_during_a_step_is_read(running: program.Program) -> None:
    assert running.captured(lambda: running.ask("say", text="one\ntwo\n")) == "one\ntwo\n"
    assert running.captured(lambda: None) == ""


def test_its_libraries_answer_as_those_of_this_process_do(running: program.Program) -> None:
    symbols.ask_elsewhere(lambda path: elsewhere.Library(running, path))
    library = symbols.open_mapped("/lib/libc.so.6")
    assert symbols.exports("/lib/libc.so.6", "abs")
    assert not symbols.exports("/lib/libc.so.6", "absent")
    assert symbols.call(library, ["absent", "abs"], ctypes.c_int, ctypes.c_int(-7)) == 7
    assert symbols.call(library, ["gnu_get_libc_version"], ctypes.c_char_p) == "2.36"
    assert symbols.call(library, ["absent"], ctypes.c_int) is None
    buffer = ctypes.create_string_buffer(64)
    library.fill(buffer, ctypes.c_int(63))
    assert buffer.value == b"Version 7"


def test_its_requests_are_lines_of_json_without_what_is_expected(running: program.Program) -> None:
    assert running.build(job(), {}) == tiny_network()["parameters"]
    assert json.loads(json.dumps(program.step_shapes(job(batch=3)))) == {"image": [3, 3, 8, 8]}
