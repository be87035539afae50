"""Does a build see the wheels that its lock allows, and is a wheel hashed only once?"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orchestrator.builder import wheels
from orchestrator.errors import UsageError


def make(folder: Path, **files: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.whl").write_bytes(content)
    return folder


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_build_is_shown_the_allowed_wheels_and_no_other_file(tmp_path: Path) -> None:
    site = make(tmp_path / "site", torch=b"torch", secret=b"secret")
    (site / "notes.txt").write_text("private")
    found = wheels.hash_wheels([site], tmp_path / "cache.json")
    target = tmp_path / "target"
    target.mkdir()
    wheels.fill_folder(target, found, [sha(b"torch"), sha(b"absent")])
    assert [(path.name, path.read_bytes()) for path in target.iterdir()] == [("torch.whl", b"torch")]
    assert not list(make(tmp_path / "empty").iterdir())
    assert wheels.fill_folder(tmp_path / "empty", found, []) == []


def test_a_wheel_is_hashed_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, cache = make(tmp_path / "site", a=b"one"), tmp_path / "cache.json"
    hashed: list[str] = []
    real = wheels._hash

    def spy(path: Path) -> str:
        hashed.append(path.name)
        return real(path)

    monkeypatch.setattr(wheels, "_hash", spy)
    assert list(wheels.hash_wheels([site], cache)) == list(wheels.hash_wheels([site], cache)) == [sha(b"one")]
    assert hashed == ["a.whl"]
    make(site, a=b"another")
    assert list(wheels.hash_wheels([site], cache)) == [sha(b"another")]
    assert hashed == ["a.whl", "a.whl"]


def test_a_torn_cache_costs_time_and_nothing_else(tmp_path: Path) -> None:
    site, cache = make(tmp_path / "site", a=b"one"), tmp_path / "cache.json"
    cache.write_text('{"half')
    assert list(wheels.hash_wheels([site], cache)) == [sha(b"one")]


def test_a_folder_that_is_none_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        wheels.hash_wheels([tmp_path / "nowhere"], tmp_path / "cache.json")
