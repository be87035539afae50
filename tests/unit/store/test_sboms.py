"""Are the packages of a run's images kept beside its records, and is a foreign store's file believed no further?"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.store.opening import open_store
from orchestrator.store.reading import verify_store
from orchestrator.store.sboms import keep_packages, read_sboms

ID = "sha256:" + "ab" * 32
PACKAGES = {"deb:libc6": "2.36-9", "pip:numpy": "2.4.6"}


def test_what_was_kept_is_read_by_its_image(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s", create=True)
    keep_packages(store, ID, PACKAGES)
    keep_packages(store, ID, {"pip:other": "1"})
    assert read_sboms(store, [ID, None, "", "sha256:" + "cd" * 32, ID]) == {ID: PACKAGES}, "the first word stands"
    (path,) = store.sboms.iterdir()
    assert path.name == "ab" * 32 + ".json"
    assert (path.stat().st_mode & 0o777, store.sboms.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not verify_store(store).problems


@pytest.mark.parametrize("image_id", ["", "numpy", "../../x", "sha256:../../x", "sha256:" + "AB" * 32, "fake"])
def test_what_is_no_image_id_names_no_file(tmp_path: Path, image_id: str) -> None:
    store = open_store(tmp_path / "s", create=True)
    keep_packages(store, image_id, PACKAGES)
    assert not store.sboms.exists()
    assert read_sboms(store, [image_id]) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '"x"', '{"pip:a": 1}', '{"pip:a": "\\u001b[31m"}', '{"pip:a b": "1"}', '{"": "1"}'),
        *("[" * 100_000, json.dumps({"pip:a": "1" * 500}), json.dumps({f"pip:{n}": "1" for n in range(200_000)})),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_none_is_as_one_that_is_missing(tmp_path: Path, text: str) -> None:
    store = open_store(tmp_path / "s", create=True)
    store.sboms.mkdir()
    (store.sboms / f"{'ab' * 32}.json").write_text(text)
    assert read_sboms(store, [ID]) == {}


def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s", create=True)
    store.sboms.mkdir()
    path = store.sboms / f"{'ab' * 32}.json"
    (tmp_path / "other.json").write_text(json.dumps(PACKAGES))
    path.symlink_to(tmp_path / "other.json")
    assert read_sboms(store, [ID]) == {}
    path.unlink()
    os.mkfifo(path)
    assert read_sboms(store, [ID]) == {}


def test_a_store_that_cannot_take_it_says_so_and_keeps_nothing_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "s", create=True)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        keep_packages(store, ID, PACKAGES)
    assert list(store.sboms.iterdir()) == []
