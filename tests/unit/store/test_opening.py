"""Is a folder that cannot be used refused with what is wrong, where, and what to try?"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from orchestrator.errors import StoreError
from orchestrator.store.encoding import RECORD_BYTES
from orchestrator.store.folder import Store
from orchestrator.store.opening import ROOM_BYTES, open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import read_records
from tests.makers import record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store", create=True)


def refused(path: Path, *, create: bool = True) -> str:
    with pytest.raises(StoreError) as caught:
        open_store(path, create=create)
    message = str(caught.value)
    assert str(path) in message
    assert "--store" in message or "chmod" in message or "write that" in message or "put the real one" in message
    return message


def test_a_store_is_made_once_and_opened_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store"
    first = open_store(path, create=True)
    publish_record(first, record())
    assert open_store(path, create=True) == open_store(path) == first
    assert len(read_records(first)[0]) == 1
    assert sorted(each.name for each in path.iterdir()) == ["bench-store.json", "index", "records"]


def test_a_missing_store_is_not_made_by_reading(tmp_path: Path) -> None:
    assert "bench matrix" in refused(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "not a folder" in refused(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "x"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    assert "not a store" in refused(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_symbolic_links_are_refused(store: Store, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(store.root)
    assert "symbolic link" in refused(link)
    store.records.rename(tmp_path / "elsewhere")
    store.records.symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in refused(store.root)
    store.records.unlink()
    (store.root / "runs").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in refused(store.root)


def test_a_store_that_everybody_may_write_to_is_refused(store: Store) -> None:
    store.root.chmod(0o777)
    assert "everybody" in refused(store.root)


def test_a_store_of_a_newer_bench_is_refused_untouched(store: Store) -> None:
    publish_record(store, record())
    (store.root / "bench-store.json").write_text('{"schema": 999}')
    assert "999" in refused(store.root)
    assert "update bench" in refused(store.root, create=False)
    assert (store.root / "bench-store.json").read_text() == '{"schema": 999}'


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"schema": "1"}', '{"schema": true}', '{"schema": 0}', "[" * 4000]
)
def test_a_damaged_marker_is_named(store: Store, content: str) -> None:
    (store.root / "bench-store.json").write_text(content)
    assert "damaged" in refused(store.root)


def test_a_store_that_cannot_be_written_can_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *args, **kwargs)

    publish_record(store, record())
    real = os.open
    monkeypatch.setattr(os, "open", read_only)
    assert "read-only" in refused(store.root)
    assert len(read_records(open_store(store.root))[0]) == 1


def test_a_disk_without_room_is_found_before_a_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs

    class Disk:
        f_bavail, f_frsize = ROOM_BYTES // 4096, 4096

    monkeypatch.setattr(os, "statvfs", lambda path: Disk if path == store.records else real(path))
    open_store(store.root, create=True)
    Disk.f_bavail -= 1
    assert "disk is full" in refused(store.root)
    assert open_store(store.root) == store  # reading needs no room
    assert ROOM_BYTES > 2 * RECORD_BYTES


def test_a_failure_while_making_leaves_no_half_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    assert "No space left" in refused(tmp_path / "store")
    monkeypatch.undo()
    assert read_records(open_store(tmp_path / "store", create=True)) == ([], [])


def test_two_runs_do_not_write_to_one_store_at_once(tmp_path: Path) -> None:
    from orchestrator.store.opening import hold_store

    store = open_store(tmp_path / "s", create=True)
    held = hold_store(store)
    with pytest.raises(StoreError, match="another run is writing"):
        hold_store(store)
    held.close()
    hold_store(store).close()
