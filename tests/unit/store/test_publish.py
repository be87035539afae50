"""Is a record in the store as a whole or not at all, whatever happens while it is published?"""

from __future__ import annotations

import errno
import os
import resource
import stat
from pathlib import Path
from typing import Any, NoReturn

import pytest

from orchestrator.errors import StoreError
from orchestrator.store.files import list_files
from orchestrator.store.folder import Store
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import read_records, verify_store
from tests.makers import record, reply


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store", create=True)


def test_a_published_record_is_read_back_equal(store: Store) -> None:
    made = record(reported=reply(samples_s=(0.1 + 1e-17, 1 / 3, 5e-324, 1e22)), reason='a "b" \u00fc \n c')
    done = publish_record(store, made)
    assert done.problem == ""
    assert done.path == store.records / made.key[:2] / f"{made.key}.b0.1.json"
    assert read_records(store) == ([made], [])


def test_a_second_record_of_one_name_is_refused_and_the_first_stays(store: Store) -> None:
    first = publish_record(store, record(reason="first"))
    before = first.path.read_bytes()
    second = publish_record(store, record(reason="second"))
    assert "already there" in second.problem
    assert str(first.path) in second.problem
    assert first.path.read_bytes() == before
    assert list_files(store).strays == []


def test_folders_and_files_belong_to_the_user_alone(store: Store) -> None:
    previous = os.umask(0)
    try:
        inner = open_store(store.root / "inner", create=True)
        path = publish_record(inner, record()).path
    finally:
        os.umask(previous)
    for folder in (inner.root, inner.records, path.parent, inner.index.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for file in (path, inner.root / "bench-store.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_full_disk_stops_with_one_clear_message_and_tears_nothing(store: Store) -> None:
    kept = publish_record(store, record(block=1)).path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreError) as caught:
            publish_record(store, record(block=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(store.root) in str(caught.value)
    assert "--store" in str(caught.value)
    assert list_files(store).strays == []
    records, problems = read_records(store)
    assert [each.block for each in records] == [1]
    assert problems == []
    assert next(store.records.rglob("*.json")).read_bytes() == kept


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_every_failure_of_the_system_is_a_store_error_without_leftovers(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    def fails(*args: Any, **kwargs: Any) -> NoReturn:
        raise OSError(code, os.strerror(code))

    (store.records / record().key[:2]).mkdir()
    monkeypatch.setattr(os, call, fails)
    with pytest.raises(StoreError, match=os.strerror(code)):
        publish_record(store, record())
    monkeypatch.undo()
    assert verify_store(store).problems == ()
    assert read_records(store)[0] == []


def test_a_number_that_is_not_finite_is_never_written(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        publish_record(store, record(reported=reply(samples_s=(0.1, float("nan")))))
    assert list(store.records.rglob("*.json")) == []


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "ab" * 33])
def test_a_key_that_is_no_hash_names_no_file(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="cannot name"):
        publish_record(store, record(key=name))
    assert list(store.root.rglob("*.json")) == [store.root / "bench-store.json"]
