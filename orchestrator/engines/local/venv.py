"""How does a pip variant's lock become a virtual environment on this machine?"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.nouns.site import Site

LAYOUT = 1
"""Part of every environment's digest: raise it when the way they are made changes."""
INSTALL_TIMEOUT_S = 3600
FIND_TIMEOUT_S = 60
PASSED = (
    *("HOME", "PATH", "TMPDIR", "XDG_CACHE_HOME", "UV_CACHE_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""Of the host's variables, those that uv gets: none of its own settings, which could change what is installed."""


class Interpreter(NamedTuple):
    """What `uv python find` said: a path, or why there is none."""

    path: str
    reason: str = ""


def find_interpreter(python: str, site: Site) -> Interpreter:
    """An interpreter of this version that is on this machine already; nothing is downloaded."""
    done = _uv(["python", "find", "--no-project", "--system", "--no-python-downloads", python], site, FIND_TIMEOUT_S)
    if done.returncode == 0:
        return Interpreter(done.stdout.strip())
    return Interpreter("", f"no Python {python} on this machine (the local engine downloads none)")


def venv_digest(context: Mapping[str, str], python: str, interpreter: str) -> str:
    """Names an environment by all that it is made of."""
    parts = [str(LAYOUT), python, interpreter, *(f"{name}\0{text}" for name, text in sorted(context.items()))]
    return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()[:24]


def build_venv(name: str, context: Mapping[str, str], python: str, *, site: Site, folder: Path) -> Path:
    """The environment of a lock, made if it is not there: complete or absent, and made by one process at a time.

    `context` is file name -> text of hash-pinned requirements. Raises BuildError with uv's own last words,
    which no record keeps.
    """
    interpreter = find_interpreter(python, site)
    if interpreter.reason:
        raise BuildError(f"{name}: {interpreter.reason}")
    final = folder / venv_digest(context, python, interpreter.path)
    if _usable(final):
        return final
    folder.mkdir(parents=True, exist_ok=True)
    with _only_maker(folder / f"{final.name}.lock"):
        if _usable(final):
            return final  # another process made it while this one waited
        shutil.rmtree(final, ignore_errors=True)  # its interpreter was removed from the machine
        # The scripts of an environment hold its path, so its maker uses none: everything is run as `python -m`.
        work = Path(tempfile.mkdtemp(prefix=f"{final.name}.", dir=folder))
        try:
            _make(name, context, interpreter.path, site=site, work=work)
            (work / "venv").rename(final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return final


def _make(name: str, context: Mapping[str, str], interpreter: str, *, site: Site, work: Path) -> None:
    venv = work / "venv"
    _check(name, _uv(["venv", "--no-project", "--no-python-downloads", "--python", interpreter, str(venv)], site, 300))
    argv = ["pip", "install", "--python", str(venv / "bin" / "python"), "--require-hashes", "--only-binary", ":all:"]
    for number, (_, text) in enumerate(sorted(context.items())):
        path = work / f"lock-{number}.txt"
        path.write_text(text, encoding="utf-8")
        argv += ["--requirement", str(path)]
    _check(name, _uv([*argv, *index_options(site)], site, INSTALL_TIMEOUT_S))


def index_options(site: Site) -> list[str]:
    """uv's options for the site's settings. Hashes decide what is taken, so every index may be asked for it."""
    options = ["--index-strategy", "unsafe-best-match"]
    for place in site.wheel_folders:
        options += ["--find-links", str(place)]
    return options


def _usable(venv: Path) -> bool:
    return (venv / "bin" / "python").exists()  # follows the link to the interpreter, which may be gone


@contextmanager
def _only_maker(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _uv(arguments: list[str], site: Site, timeout_s: float) -> subprocess.CompletedProcess[str]:
    import uv

    environment = {name: os.environ[name] for name in PASSED if name in os.environ}
    environment |= site.uv_environment(site.extra_index_urls)
    if site.certificate:
        environment["SSL_CERT_FILE"] = str(site.certificate)
    argv = [uv.find_uv_bin(), "--no-config", "--no-progress", "--color", "never", *arguments]
    try:
        return subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", f"uv did not end within {timeout_s:.0f} s")


def _check(name: str, done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        words = "\n".join(done.stderr.strip().splitlines()[-12:]) or "no message"
        # uv names the indexes and folders that it looked in.
        what = "its virtual environment could not be made"
        raise BuildError(f"{name}: {what}:\n{words}", recorded=what)
