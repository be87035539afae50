"""Which of the site's wheels may an image use? Those whose hash its lock allows; a build sees no other file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

SUFFIXES = (".whl", ".tar.gz", ".zip")


def hash_wheels(folders: Iterable[Path], cache: Path | None = None) -> dict[str, Path]:
    """sha256 -> file, for every wheel and sdist directly in the folders.

    A file is hashed once: its path, size and time of change stand for its content after that, in `cache` (JSON).
    Raises UsageError for a folder that is none.
    """
    cache = cache or paths.cache_dir() / "wheel-hashes.json"
    known = _read_cache(cache)
    fresh: dict[str, str] = {}
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder of wheels; see `wheels` in bench.toml")
        for path in sorted(folder.iterdir()):
            if path.name.endswith(SUFFIXES) and path.is_file():
                state = path.stat()
                key = f"{path.resolve()}:{state.st_size}:{state.st_mtime_ns}"
                fresh[key] = known.get(key) or _hash(path)
                found.setdefault(fresh[key], path)
    if fresh.keys() - known.keys():
        _write_cache(cache, {**known, **fresh})
    return found


def fill_folder(folder: Path, wheels: dict[str, Path], allowed: Collection[str]) -> list[Path]:
    """Put the allowed wheels into `folder`, by hard link where the file system can, else as copies."""
    made = []
    for digest in sorted(wheels.keys() & set(allowed)):
        target = folder / wheels[digest].name
        try:
            os.link(wheels[digest].resolve(), target)
        except OSError:
            shutil.copyfile(wheels[digest], target)
        made.append(target)
    return made


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_cache(path: Path) -> dict[str, str]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a cache may be missing or torn: everything in it can be computed anew
    return data if isinstance(data, dict) else {}


def _write_cache(path: Path, data: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(data, indent=0, sort_keys=True), encoding="utf-8")
    temporary.replace(path)
