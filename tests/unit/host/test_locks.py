"""Does one core take one measurement at a time, whoever runs it?"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.errors import BenchError
from orchestrator.host.locks import find_lock_folder, hold_cores
from orchestrator.host.topology import Core

CORES = (Core((0,), (0,), 0), Core((1,), (1,), 0))
HOLDER = """
import sys, time
from pathlib import Path
from orchestrator.host.locks import hold_cores
from orchestrator.host.topology import Core
with hold_cores([Core((1,), (1,), 0)], folder=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bench"


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_killed_holder_lets_go_and_until_then_it_is_named(folder: Path) -> None:
    process = holder(folder)
    told: list[str] = []

    def tell(reason: str) -> None:
        told.append(reason)
        process.send_signal(signal.SIGKILL)

    begin = time.monotonic()
    with process, hold_cores(CORES, folder=folder, tell=tell) as held:
        assert held
    assert len(told) == 1
    assert f"core 1 is measured on by process {process.pid}" in told[0]
    assert time.monotonic() - begin < 2.0


def test_other_cores_are_free(folder: Path) -> None:
    with holder(folder) as process, hold_cores(CORES[:1], folder=folder, stop=lambda: False) as held:
        assert held
        process.kill()


def test_waiting_ends_when_the_user_asks(folder: Path) -> None:
    asked = iter([False, False, True, True])
    with holder(folder) as process:
        with hold_cores(CORES, folder=folder, stop=lambda: next(asked)) as held:
            assert not held
        process.kill()


def test_other_users_may_use_the_same_folder_and_files(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with hold_cores(CORES, folder=folder):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o666}


def test_a_link_in_place_of_a_lock_is_not_followed(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder.mkdir()
    (folder / "core-0").symlink_to(victim)
    with pytest.raises(BenchError, match="core-0"), hold_cores(CORES, folder=folder):
        pass
    assert victim.read_text() == "precious"


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BenchError, match="not a folder"), hold_cores(CORES, folder=folder):
        pass


def test_the_folder_is_in_a_place_where_every_user_may_write(tmp_path: Path) -> None:
    private, shared = tmp_path / "private", tmp_path / "shared"
    private.mkdir(mode=0o755)
    shared.mkdir()
    shared.chmod(0o1777)
    assert find_lock_folder((tmp_path / "nowhere", private, shared)) == shared / "bench"
    with pytest.raises(BenchError, match="1777"):
        find_lock_folder((private,))
