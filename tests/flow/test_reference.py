"""Is what an output must be computed by the code that the run was planned with, and kept so that nothing spoils it?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from orchestrator import paths
from orchestrator.catalog.work import read_networks
from orchestrator.engines.fake import FakeEngine, answer, make_reply
from orchestrator.errors import BenchError
from orchestrator.host.owner import this_process
from orchestrator.nouns.job import Expected
from orchestrator.nouns.launch import Launch, Outcome
from orchestrator.nouns.variant import Variant
from orchestrator.nouns.workload import Workload
from orchestrator.runner.code import Code, read_code
from orchestrator.runner.datasets import check_data
from orchestrator.runner.reference import read_expected, remove_leftovers
from tests.flow.test_runner import plan, run, setup

WORK = Workload(network="mnist_softmax")
EMPTY = {"workloads/__init__.py": b""}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workloads(tmp_path: Path) -> Path:
    """A copy that may be edited."""
    folder = tmp_path / "own" / "workloads"
    shutil.copytree(paths.workloads_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def expect(code: Code, cache: Path, **fields: float) -> dict[str, Expected]:
    return read_expected(read_networks()[WORK.network], WORK, seed=1, code=code, cache=cache, **fields)


def test_an_edit_after_the_plan_does_not_get_under_the_hash_of_before(workloads: Path, tmp_path: Path) -> None:
    honest = expect(read_code(workloads), tmp_path / "honest")
    planned = read_code(workloads)
    (workloads / "expected.py").write_text("def expected(**_): return {}\n")
    assert expect(planned, tmp_path / "cache") == honest
    assert planned.has_changed()
    assert not read_code(workloads).has_changed()
    shutil.rmtree(workloads)
    assert planned.has_changed()


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b"{}", b'{"logits": 1}', b"\xff\x00"])
def test_a_kept_answer_that_cannot_be_read_is_computed_again(tmp_path: Path, left: bytes) -> None:
    code = read_code()
    honest = expect(code, tmp_path)
    (path,) = (tmp_path / "expected").iterdir()
    whole = path.read_bytes()
    path.write_bytes(left)
    assert expect(code, tmp_path) == honest
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208


def test_a_reference_that_does_not_end_or_gives_nonsense_is_said_so(tmp_path: Path) -> None:
    endless = Code({**EMPTY, "workloads/expected.py": b"import time; time.sleep(60)"}, "endless")
    begin = time.monotonic()
    with pytest.raises(BenchError, match=r"did not end within 0\.5 s"):
        expect(endless, tmp_path, timeout_s=0.5)
    assert time.monotonic() - begin < 5
    nonsense = Code({**EMPTY, "workloads/expected.py": b"def expected(**_): return 1"}, "nonsense")
    with pytest.raises(BenchError, match="gave no expectations"):
        expect(nonsense, tmp_path)
    assert not (tmp_path / "expected").exists()


def test_loaders_that_do_not_end_are_said_so(tmp_path: Path) -> None:
    (tmp_path / "workloads" / "data").mkdir(parents=True)
    (tmp_path / "workloads" / "__init__.py").touch()
    (tmp_path / "workloads" / "data" / "__init__.py").touch()
    (tmp_path / "workloads" / "data" / "__main__.py").write_text("import time; time.sleep(60)")
    with pytest.raises(BenchError, match=r"did not end within 0\.5 s"):
        check_data(tmp_path, workloads=tmp_path / "workloads", timeout_s=0.5)


KILLED = """
import os, sys
from pathlib import Path
from orchestrator.runner import reference
os.fsync = lambda _: os.kill(os.getpid(), 9)
reference._write(Path(sys.argv[1]), "{")
"""


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    folder = tmp_path / "expected"
    argv = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder / "x.json")]
    assert subprocess.run(argv, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    mine = folder / f"{this_process().label.replace('/', '_')}_abc.tmp"
    mine.touch()
    assert len(list(folder.iterdir())) == 2
    assert len(remove_leftovers(tmp_path)) == 1
    assert list(folder.iterdir()) == [mine]


def test_records_say_from_where_on_the_code_was_another_one(workloads: Path) -> None:
    code = read_code(workloads)
    engine = FakeEngine()

    def edit(launch: Launch, row: Variant | None) -> Outcome:
        if len(engine.launches) == 5:
            (workloads / "harness.py").write_text("edited")
        return answer(launch, make_reply(launch, row))

    engine._script = edit
    records = run(engine, setup=setup(plan())._replace(code=code))
    assert [record.provenance.source_changed for record in records] == [False] * 4 + [True] * 8
    assert {record.provenance.workloads_hash for record in records} == {code.digest}
    assert len({launch.files["workloads/harness.py"] for launch in engine.launches}) == 1
