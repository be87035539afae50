"""Which exact files satisfy a row's requirements? Asked of uv once, then kept in a file with their hashes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.errors import LockError
from orchestrator.render.locks import HEADER, ask_build, ask_runtime, lock_name, read_lock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.nouns.site import Site
    from orchestrator.nouns.variant import Variant
    from orchestrator.render.locks import Asked, Pin

# glibc 2.36 is bookworm's; a wheel for any older one runs on it.
PLATFORM = "x86_64-manylinux_2_36"
UV_TIMEOUT_S = 600.0


def write_locks(
    variants: Iterable[Variant], *, site: Site, folder: Path | None = None, again: bool = False
) -> list[Path]:
    """Lock every row that has no lock yet, or (`again`) every row; returns the files that were written, in order.

    Rows with equal requirements share a file. A changed row needs a file of another name, as that holds a hash of the
    requirements: a lock that is there is never out of date.
    """
    written: dict[Path, None] = {}
    for variant in variants:
        for path in lock_paths(variant, folder):
            if path not in written and (again or not path.exists()):
                write_lock(variant, path, site=site)
                written[path] = None
    return list(written)


def lock_paths(variant: Variant, folder: Path | None = None) -> list[Path]:
    """Where the row's locks are: none for a distribution's packages, two for a row of which a part is compiled."""
    folder = folder or paths.images_dir() / "locks"
    return [folder / lock_name(variant, asked) for asked in _ask(variant)]


def _ask(variant: Variant) -> list[Asked]:
    return [asked for asked in (ask_runtime(variant), ask_build(variant)) if asked.requirements]


def write_lock(variant: Variant, path: Path, *, site: Site) -> tuple[Pin, ...]:
    """Resolve the requirements that `path` is named after, and write their pins with hashes; returns them.

    Raises LockError where uv finds no solution, or where a file of that name was not written by this function.
    """
    refuse_hand_made(path)
    asked = next(asked for asked in _ask(variant) if lock_name(variant, asked) == path.name)
    text = _resolve(variant, asked, site=site)
    lines = [f"#   {line}" for line in asked.requirements]
    header = [HEADER, f"# Python {variant.python}, {PLATFORM}, from:", *lines]
    header += [f"# As source: {', '.join(asked.sdists)}"] if asked.sdists else []
    _publish(path, "\n".join([*header, "", text]))
    return read_lock(path)


def refuse_hand_made(path: Path) -> None:
    """Raises LockError where the file exists and does not begin with the header of a generated one."""
    if path.exists() and not path.read_text(encoding="utf-8").startswith(HEADER):
        raise LockError(
            f"{path}: was not written by `bench lock` (its first line is not {HEADER!r}); move it away to generate one"
        )


def _resolve(variant: Variant, asked: Asked, *, site: Site) -> str:
    with tempfile.TemporaryDirectory(prefix="bench-lock-") as temporary:
        files = {"requirements.in": asked.requirements, "constraints.txt": asked.within, "tools.txt": asked.tools}
        for name, lines in files.items():
            Path(temporary, name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        argv = [_find_uv(), "pip", "compile", f"{temporary}/requirements.in", "--quiet", "--no-header", "--no-annotate"]
        argv += ["--constraint", f"{temporary}/constraints.txt", "--build-constraint", f"{temporary}/tools.txt"]
        argv += ["--generate-hashes", "--python-version", variant.python, "--python-platform", PLATFORM]
        # Every index is asked, as pip does; uv alone would stop at the first that has any version of a name.
        argv += ["--index-strategy", "unsafe-best-match"]
        argv += ["--no-config", "--only-binary", ":all:"]
        argv += [word for name in asked.sdists for word in ("--no-binary", name)]
        for wheels in site.wheel_folders:
            argv += ["--find-links", str(wheels)]
        try:
            done = subprocess.run(
                argv,
                env=_environment(site),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=UV_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LockError(f"{variant.id}: uv found no solution within {UV_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        raise LockError(
            f"{variant.id}: uv cannot lock {', '.join(asked.requirements)}:\n{done.stderr.strip()[-2000:]}\n"
            "A wheel that no index has belongs in a folder named under `wheels` in bench.toml."
        )
    return done.stdout


def _environment(site: Site) -> dict[str, str]:
    """The caller's own, without what would steer uv past the site's configuration."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "PIP_"))}
    env |= site.uv_environment(site.reachable_indexes)
    if site.certificate:
        env["SSL_CERT_FILE"] = str(site.certificate)
    return env


def _find_uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    if beside.is_file():
        return str(beside)
    from shutil import which

    found = which("uv")
    if found is None:
        raise LockError("uv is not installed: it comes with bench, so install bench anew, or put uv on the PATH")
    return found


def _publish(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
