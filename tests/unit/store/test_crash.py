"""Is a record in the store as a whole or not at all, wherever its writer dies, on every road to its name?"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest

from orchestrator.nouns.record import Record
from orchestrator.store import place, writers
from orchestrator.store.files import list_files
from orchestrator.store.folder import Store
from orchestrator.store.frame import load_frame
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record, remove_leftovers
from orchestrator.store.reading import read_records, verify_store
from tests.makers import record

# From 3.12 on, Python warns where a process with threads forks; the children here only publish and die.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

DIED = 77
TIMES = 50
# The system calls of one publication in their order, by the road that it takes to its name.
BEFORE = ("mkdir", "fsync folder", "open", "write", "fsync", "link")
AFTER = ("unlink", "fsync folder")
ROADS = {
    "link": (*BEFORE, *AFTER),
    "renameat2": (*BEFORE, "renameat2", *AFTER),
    "rename": (*BEFORE, "renameat2", "rename", *AFTER),
}
CRASHES = [
    (road, step, when)
    for road, calls in ROADS.items()
    for step, call in enumerate(calls)
    for when in ("before", "halfway", "after")
    if (call == "write" or when != "halfway") and (road == "link" or step >= len(BEFORE) - 1)
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store", create=True)


def made(number: int) -> Record:
    """Each in a folder of its own, which its publication makes."""
    return record(key=f"{number:02x}" + "ab" * 31)


class Watch:
    """Counts the system calls of a publication, keeps those from the file system that it does not have, and dies."""

    def __init__(self, road: str, step: int, when: str) -> None:
        self.calls, self.step, self.when = ROADS[road], step, when
        self.lacks = {"link": (), "renameat2": ("link",), "rename": ("link", "renameat2")}[road]
        self.seen: list[str] = []

    def call(self, name: str, real: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(name)
        assert self.seen == list(self.calls[: len(self.seen)])
        mine = len(self.seen) == self.step + 1
        if mine and self.when == "before":
            os._exit(DIED)
        if mine and self.when == "halfway":
            real(args[0], args[1][: len(args[1]) // 2])
            os._exit(DIED)
        try:
            if name in self.lacks:
                raise OSError(errno.EPERM, "the file system has no such call")
            return real(*args, **kwargs)
        finally:
            if mine:
                os._exit(DIED)

    def install(self) -> None:
        """For the rest of this process, which is short."""
        for name in ("write", "link", "rename", "mkdir"):
            self._wrap(os, name)
        self._wrap(place, "_rename_new", "renameat2")
        self._wrap(Path, "unlink")
        fsync, opened = os.fsync, os.open

        def watched_fsync(handle: Any) -> None:
            self.call("fsync folder" if _is_folder(handle) else "fsync", fsync, handle)

        def watched_open(path: Any, flags: int, mode: int = 0o777) -> Any:
            if flags & os.O_DIRECTORY:  # to sync it, or to lock it
                return opened(path, flags, mode)
            return self.call("open", opened, path, flags, mode)

        self._put(os, "fsync", watched_fsync)
        self._put(os, "open", watched_open)

    def _wrap(self, holder: Any, name: str, call: str = "") -> None:
        real = getattr(holder, name)
        self._put(holder, name, lambda *args, **kwargs: self.call(call or name, real, *args, **kwargs))

    def _put(self, holder: Any, name: str, function: Any) -> None:
        setattr(holder, name, function)


def _is_folder(handle: int) -> bool:
    return os.path.isdir(f"/proc/self/fd/{handle}")  # noqa: PTH112


def die_publishing(store: Store, number: int, watch: Watch) -> int:
    """The number of a child that publishes and dies, without any clean-up, at the given system call."""
    child = os.fork()
    if child:
        return child
    try:
        watch.install()
        publish_record(store, made(number))
    finally:
        os._exit(1)  # the crash did not come


@pytest.mark.parametrize(("road", "step", "when"), CRASHES, ids=str)
def test_a_crash_at_any_step_leaves_the_record_absent_or_complete(
    store: Store, road: str, step: int, when: str
) -> None:
    for child in [die_publishing(store, number, Watch(road, step, when)) for number in range(TIMES)]:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == DIED
    reopened = open_store(store.root, create=True)
    records, problems = read_records(reopened)
    named = ROADS[road].index(road)
    there = step > named or (step == named and when == "after")
    assert problems == []
    assert records == ([made(number) for number in range(TIMES)] if there else [])
    assert list_files(reopened).strays == []


def take_away(monkeypatch: pytest.MonkeyPatch, road: str) -> None:
    """A file system that knows no road before this one."""

    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        raise OSError(errno.EPERM, "the file system has no such call")

    if road != "link":
        monkeypatch.setattr(os, "link", missing)
    if road == "rename":
        monkeypatch.setattr(place, "_rename_new", missing)


@pytest.mark.parametrize("road", ROADS)
def test_on_no_road_is_anything_overwritten(store: Store, monkeypatch: pytest.MonkeyPatch, road: str) -> None:
    take_away(monkeypatch, road)
    assert publish_record(store, record(reason="first")).problem == ""
    assert "already there" in publish_record(store, record(reason="second")).problem
    assert [each.reason for each in read_records(store)[0]] == ["first"]
    assert list_files(store).strays == []


def test_renameat2_is_there_on_this_system(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if getattr(ctypes.CDLL(None), "renameat2", None) is None:
        pytest.skip("the C library has no renameat2")
    take_away(monkeypatch, "renameat2")
    monkeypatch.setattr(place, "_rename_locked", None)
    try:
        assert publish_record(store, record()).problem == ""
    except TypeError:
        pytest.skip("the file system has no RENAME_NOREPLACE")


@pytest.mark.parametrize("road", ROADS)
def test_of_many_who_publish_one_name_at_once_one_wins(
    store: Store, monkeypatch: pytest.MonkeyPatch, road: str
) -> None:
    take_away(monkeypatch, road)
    for block in range(5):
        children = []
        for number in range(8):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 3 if publish_record(store, record(block=block, reason=str(number))).problem else 0
                finally:
                    os._exit(code)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert sorted(codes) == [0] + [3] * 7
        kept = [each.reason for each in read_records(store)[0] if each.block == block]
        assert kept == [str(codes.index(0))]


def test_the_last_road_looks_only_while_it_holds_the_lock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, "rename")
    folder = publish_record(store, record(block=1)).path.parent
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    other = threading.Thread(target=publish_record, args=(store, record(block=2)))
    other.start()
    other.join(0.3)
    assert other.is_alive()
    os.close(handle)
    other.join(10)
    assert [each.block for each in read_records(store)[0]] == [1, 2]


def dead_process() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(store: Store) -> None:
    folder = store.records / "ab"
    folder.mkdir()
    host, mine, started = writers._host(), os.getpid(), writers._started(os.getpid())
    dead = [
        folder / f".tmp-{host}.{dead_process()}.1.x",
        folder / f".tmp-{host}.{dead_process()}.x",  # of a version that named no start
        folder / f".tmp-{host}.{mine}.1.x",  # our number, and not ours: another process had it before
        store.index.parent / f".tmp-{host}.{dead_process()}.1.records.parquet",
        store.root / f".tmp-{host}.{dead_process()}.1.bench-store.json",
    ]
    alive = [
        folder / f".tmp-{host}.{mine}.{started}.x",
        folder / f".tmp-{host}.{mine}.x",
        folder / f".tmp-another-{host}.{dead_process()}.1.x",
        folder / ".tmp-",
        folder / f".tmp-{host}",
        folder / f".tmp-{host}.x.1.x",
        folder / f"tmp-{host}.{dead_process()}.1.x",
    ]
    for path in (*dead, *alive):
        path.write_text("torn")
    assert {each.kind for each in verify_store(store).problems} == {"leftover", "foreign"}
    assert set(remove_leftovers(store)) == set(dead)
    assert all(path.exists() for path in alive)
    assert not any(path.exists() for path in dead)


def test_a_temporary_name_is_its_writer_s_own(store: Store) -> None:
    name = writers.temporary_name("x")
    assert not writers.is_orphaned(name)
    child = os.fork()
    if child == 0:
        Path(store.root / "told").write_text(writers.temporary_name("x"))
        os._exit(0)
    os.waitpid(child, 0)
    assert writers.is_orphaned((store.root / "told").read_text())


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_kill_while_the_index_is_written_leaves_the_old_one_and_its_rest_is_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    publish_record(store, record(block=0))
    load_frame(store)
    old = store.index.read_bytes()
    publish_record(store, record(block=1))
    child = os.fork()
    if child == 0:
        fsync = os.fsync

        def die(handle: Any) -> None:
            os.ftruncate(handle, int(share * os.fstat(handle).st_size))
            fsync(handle)
            os._exit(DIED)

        try:
            monkeypatch.setattr(os, "fsync", die)
            load_frame(store)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == DIED
    assert store.index.read_bytes() == old
    assert len(list(store.index.parent.iterdir())) == 2
    reopened = open_store(store.root, create=True)
    assert [each.name for each in store.index.parent.iterdir()] == ["records.parquet"]
    frame, problems = load_frame(reopened)
    assert (len(frame), problems) == (2, [])
