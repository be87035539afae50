"""Is a file that an untrusted process wrote taken only if it is a plain, small one?"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.engines.log import LogTail, clean_log
from orchestrator.engines.results import take_results

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 1000


def hard_link(path: Path) -> None:
    (path.parent / "other").write_text("secret")
    os.link(path.parent / "other", path)


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the length of a socket's address is limited
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "link to a file": lambda path: path.symlink_to("/etc/passwd"),
    "dangling link": lambda path: path.symlink_to("/nowhere"),
    "link to itself": lambda path: path.symlink_to(path),
    "named pipe": os.mkfifo,
    "socket": unix_socket,
    "folder": lambda path: path.mkdir(),
    "second name": hard_link,
    "sparse terabyte": sparse,
    "a byte too large": lambda path: path.write_bytes(b"x" * (LIMIT + 1)),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_anything_else_is_rejected_at_once(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "reply.json")
    begin = time.monotonic()
    taken = take_results(tmp_path, {"reply.json": LIMIT})
    assert taken.files == {}
    assert [(each.path, bool(each.reason)) for each in taken.rejected] == [("reply.json", True)]
    assert time.monotonic() - begin < 1.0


def test_a_file_that_grows_while_it_is_read_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size that was asked for first is no promise: a process that got away may still hold the file open."""
    path = tmp_path / "reply.json"
    path.write_bytes(b"x" * LIMIT)
    read = os.read

    def growing(file: int, count: int) -> bytes:
        with path.open("ab") as other:
            other.write(b"y" * LIMIT)
        return read(file, min(count, 100))

    monkeypatch.setattr("orchestrator.engines.results.os.read", growing)
    taken = take_results(tmp_path, {"reply.json": LIMIT})
    assert taken.files == {}
    assert "grew past" in taken.rejected[0].reason


def test_a_plain_file_of_the_limit_is_taken(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/reply.json").write_bytes(b"x" * LIMIT)
    taken = take_results(tmp_path, {"in/reply.json": LIMIT})
    assert taken.files == {"in/reply.json": b"x" * LIMIT}
    assert taken.rejected == ()


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "in/../../secret", "link/secret", ""])
def test_no_way_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("secret")
    work = tmp_path / "work"
    (work / "in").mkdir(parents=True)
    (work / "link").symlink_to(tmp_path)
    taken = take_results(work, {path: LIMIT})
    assert taken.files == {}
    assert len(taken.rejected) == 1


def test_a_log_keeps_its_end_and_says_that_it_lost_the_rest() -> None:
    reader, writer = os.pipe()
    tail = LogTail(reader)
    tail.start()
    for _ in range(100):
        os.write(writer, b"x" * 10_000)
    os.write(writer, b"the end")
    os.close(writer)
    tail.join(timeout=5)
    assert len(tail.held) == 64 * 1024
    assert tail.text().startswith("[truncated]\n")
    assert tail.text().endswith("the end")


def test_a_log_cannot_steer_a_terminal() -> None:
    assert "\x1b" not in clean_log(b"\x1b]0;title\x07 \xff ok\n")
    assert clean_log(b"plain\n\tlog") == "plain\n\tlog"
