"""What does this place say about indexes, wheels and certificates, and where does it say it?"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from ast import literal_eval
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from orchestrator import paths
from orchestrator.catalog.rows import refuse_forbidden
from orchestrator.errors import SpecError
from orchestrator.nouns.limits import Limits
from orchestrator.nouns.site import Site

if TYPE_CHECKING:
    from collections.abc import Mapping

TOP = ("store", "scripts", "build", "limits")
BUILD = ("jobs", "timeout_s", "wheels", "index_url", "extra_index_urls", "certificate")
PIP_TIMEOUT_S = 30


class Config(NamedTuple):
    """What bench.toml says, and for what it does not say, pip's own configuration."""

    site: Site
    store: Path | None = None
    path: Path | None = None
    """The file that was read; None where there is none."""
    limits: Limits = Limits()
    """From where on a disturbance is flagged."""
    scripts: tuple[Path, ...] = ()
    """Folders with workloads of the user's own."""


def read_config(path: Path | None = None, *, pip: Mapping[str, str] | None = None) -> Config:
    """Settings of a place. `path` defaults to the nearest bench.toml; `pip` to what `pip config list` says.

    Paths in the file are relative to its folder. Raises SpecError for a key that is not known, with the nearest one,
    and for a value of the wrong type.
    """
    path = path or paths.find_config(Path.cwd())
    data = _read_toml(path) if path else {}
    base = path.parent if path else Path.cwd()
    refuse_forbidden(data, str(path))
    _refuse_unknown(data, TOP, path, "")
    build = data.get("build", {})
    if not isinstance(build, dict):
        raise SpecError(f"{path}: key build: expected a table, [build]")
    _refuse_unknown(build, BUILD, path, "build.")
    site = _from_file(build, base, path)
    limits = _read_limits(data.get("limits", {}), path)
    settings = read_pip_settings() if pip is None else pip
    site = site.model_copy(update=_from_pip(settings, said=frozenset(build)))
    store = data.get("store")
    if store is not None and not isinstance(store, str):
        raise SpecError(f"{path}: key store: expected a folder's path, not {store!r}")
    scripts = _read_folders(data.get("scripts", []), base, path)
    return Config(site, base / Path(store).expanduser() if store else None, path, limits, scripts)


def read_pip_settings() -> dict[str, str]:
    """pip's options of `install` and of all commands, from its files and environment; empty where there is no pip."""
    argv = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PIP_TIMEOUT_S
        )
        lines = done.stdout.splitlines() if done.returncode == 0 else []
    except (OSError, subprocess.TimeoutExpired):
        lines = []
    found = parse_pip_settings(lines)
    for name in ("index-url", "extra-index-url", "find-links", "cert"):
        # the environment wins over pip's files, and is read here too for an interpreter without pip
        if value := os.environ.get("PIP_" + name.upper().replace("-", "_")):
            found[name] = value
    return found


def parse_pip_settings(lines: list[str]) -> dict[str, str]:
    """`global.find-links='/a\\n/b'` -> {"find-links": "/a\\n/b"}; `install.` wins over `global.`."""
    found: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in lines:
            name, _, value = line.partition("=")
            if name.startswith(section):
                try:
                    found[name.removeprefix(section)] = str(literal_eval(value))
                except (ValueError, SyntaxError):
                    continue  # not a line that `pip config list` would print
    return found


def _read_folders(folders: Any, base: Path, path: Path | None) -> tuple[Path, ...]:
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        raise SpecError(f"{path}: key scripts: expected a list of folders, not {folders!r}")
    return tuple(base / Path(folder).expanduser() for folder in folders)


def _read_limits(table: Any, path: Path | None) -> Limits:
    if not isinstance(table, dict):
        raise SpecError(f"{path}: key limits: expected a table, [limits]")
    _refuse_unknown(table, tuple(Limits.model_fields), path, "limits.")
    try:
        return Limits.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SpecError(f"{path}: key limits.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _from_file(build: dict[str, Any], base: Path, path: Path | None) -> Site:
    fields: dict[str, Any] = {}
    for ours, theirs in (("jobs", "jobs"), ("build_timeout_s", "timeout_s"), ("index_url", "index_url")):
        if theirs in build:
            fields[ours] = build[theirs]
    try:
        if "wheels" in build:
            wheels = build["wheels"]
            listed = [wheels] if isinstance(wheels, str) else wheels
            fields["wheel_folders"] = tuple(base / Path(folder).expanduser() for folder in listed)
        if "extra_index_urls" in build:
            fields["extra_index_urls"] = tuple(build["extra_index_urls"])
        if "certificate" in build:
            fields["certificate"] = base / Path(build["certificate"]).expanduser()
        return Site(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{path}: [build] {key}: {first['msg']}, not {first['input']!r}") from error
    except TypeError as error:
        raise SpecError(f"{path}: [build]: wheels and extra_index_urls are lists of strings: {error}") from error


def _from_pip(settings: Mapping[str, str], *, said: frozenset[str]) -> dict[str, Any]:
    """Fields of Site from pip's settings, for what the file does not say."""
    fields: dict[str, Any] = {}
    folders = tuple(path for place in settings.get("find-links", "").split() if (path := _folder(place)) is not None)
    if "wheels" not in said and folders:
        fields["wheel_folders"] = folders
    if "index_url" not in said and settings.get("index-url"):
        fields["index_url"] = settings["index-url"]
    if "extra_index_urls" not in said and settings.get("extra-index-url"):
        fields["extra_index_urls"] = tuple(settings["extra-index-url"].split())
    if "certificate" not in said and settings.get("cert"):
        fields["certificate"] = Path(settings["cert"])
    return fields


def _folder(place: str) -> Path | None:
    """A folder of this machine that a find-links entry names; None for a page elsewhere, or nothing."""
    parts = urlsplit(place)
    if parts.scheme not in {"", "file"}:
        return None
    path = Path(unquote(parts.path)).expanduser()
    return path if path.is_dir() else None


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], path: Path | None, prefix: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise SpecError(f"{path}: key {prefix}{key} is not known; {hint}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not TOML: {error}") from error
