"""Does a workload wait for the host where there is one, and for nobody where there is none?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.workloads.networks import ROOT
from workloads import handshake
from workloads.evidence import arithmetic

MEET = "from workloads import handshake; handshake.meet('ready'); print('went on', flush=True)"


def start(**options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", MEET]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def test_it_announces_itself_and_waits_for_one_byte() -> None:
    with start(stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for _ in range(500):
            if Path(f"/proc/{process.pid}/comm").read_text() == "bench:ready\n":
                break
            time.sleep(0.01)
        else:
            raise AssertionError("it never said that it is ready")
        assert process.poll() is None
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout is not None
        assert process.stdout.read() == b"went on\n"


def test_without_a_host_it_goes_on_at_once() -> None:
    with start(stdin=subprocess.DEVNULL) as process:
        assert process.wait(timeout=20) == 0


def test_a_host_that_goes_away_leaves_the_end_of_the_file() -> None:
    with start(stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_a_host_that_says_nothing_is_not_waited_for_for_ever() -> None:
    reader, writer = os.pipe()
    try:
        handshake.await_host(reader, patience_s=0.01)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_name_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    handshake.announce("ready", path=str(tmp_path / "no" / "such" / "file"))


def test_a_library_that_flushes_denormals_is_noticed(tmp_path: Path) -> None:
    """gcc's -ffast-math links code that sets FTZ and DAZ for the thread that loads it."""
    if shutil.which("gcc") is None or os.uname().machine != "x86_64":
        pytest.skip("needs gcc on x86-64")
    (tmp_path / "fast.c").write_text("int nothing(void) { return 0; }\n")
    flags = ["-shared", "-fPIC", "-ffast-math"]
    subprocess.run(["gcc", *flags, "-o", tmp_path / "fast.so", tmp_path / "fast.c"], check=True)
    code = (
        "import ctypes, sys; from workloads.evidence import arithmetic; print(arithmetic.denormals());"
        "ctypes.CDLL(sys.argv[1]); print(arithmetic.denormals())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "fast.so")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["kept", "flushed: results, operands"]


def test_a_flip_during_the_timed_region_is_told() -> None:
    class Backend:
        @staticmethod
        def arithmetic() -> dict[str, str]:
            return {"gradients": "off"}

    found = arithmetic.describe(Backend(), "flushed: results")
    assert found["denormals"] == "flushed: results, then kept"
    assert found["gradients"] == "off"
