"""Does an engine answer that can build, and which of these images has it already?"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.errors import NoEngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

CALL_TIMEOUT_S = 60.0
UNREACHABLE = ("cannot connect", "error during connect", "is the docker daemon running", "permission denied", "dial ")


class Present(NamedTuple):
    """An image that the engine holds."""

    image_id: str
    size_bytes: int
    digests: tuple[str, ...] = ()
    """`python@sha256:...`: under which a registry has it; none of an image that was made or imported here."""
    layers: tuple[str, ...] = ()


def find_present(names: Sequence[str]) -> dict[str, Present]:
    """Name -> image, for those that are there: one call of the engine for all of them.

    The engine is whatever `docker` talks to (DOCKER_HOST, DOCKER_CONTEXT). Raises NoEngineError where none answers.
    """
    if not names:
        return {}
    done = call_engine(["docker", "image", "inspect", "--format", "{{json .}}", *names])
    problem = done.stderr.strip()
    # Missing images are an error to `inspect` as well, which has printed the others by then.
    if done.returncode and ("no such image" not in problem.lower() or _is_unreachable(problem)):
        raise NoEngineError(
            f"no engine answers: {problem[-500:]}. Is it running, and may you use it? See `bench doctor`"
        )
    found = {}
    for line in done.stdout.splitlines():
        if line.strip():
            image = json.loads(line)
            for name in image.get("RepoTags") or []:
                found[name] = _read_present(image)
    # Podman puts its own registry's name before a tag that has none.
    return {name: found[key] for name in names for key in (name, f"localhost/{name}") if key in found}


def list_images() -> dict[str, Present]:
    """Name -> image, of everything on this engine that `bench build` has made. Raises NoEngineError."""
    done = call_engine(["docker", "image", "ls", "--quiet", "--no-trunc", "--filter", "label=bench.digest"])
    if done.returncode:
        raise NoEngineError(f"no engine answers: {done.stderr.strip()[-500:]}. See `bench doctor`")
    ids = sorted(set(done.stdout.split()))
    if not ids:
        return {}
    found = {}
    for line in call_engine(["docker", "image", "inspect", "--format", "{{json .}}", *ids]).stdout.splitlines():
        if line.strip():
            image = json.loads(line)
            # One whose name was given to another image since has none of its own.
            for name in image.get("RepoTags") or [image["Id"]]:
                found[name] = _read_present(image)
    return found


def _read_present(image: dict[str, Any]) -> Present:
    layers = (image.get("RootFS") or {}).get("Layers") or []
    return Present(image["Id"], int(image["Size"]), tuple(image.get("RepoDigests") or []), tuple(layers))


def remove_image(name: str) -> str:
    """Remove one image by its name; why it could not be, or nothing. One that a container still uses stays."""
    done = call_engine(["docker", "image", "rm", name])
    return done.stderr.strip()[-300:] if done.returncode else ""


def check_builder() -> str:
    """The version of buildx; raises NoEngineError where `docker` has no buildx."""
    done = call_engine(["docker", "buildx", "version"])
    if done.returncode:
        raise NoEngineError(
            f"`docker buildx` does not work, and images are built with it: {done.stderr.strip()[-300:]}; "
            "install the buildx plugin"
        )
    return done.stdout.strip()


def call_engine(argv: list[str], *, timeout_s: float = CALL_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run a command of the `docker` client. Raises NoEngineError where there is none, or it does not come back."""
    try:
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except FileNotFoundError:
        raise NoEngineError("there is no `docker` on the PATH; install it, or use --engine local") from None
    except subprocess.TimeoutExpired:
        raise NoEngineError(f"the engine did not answer `{' '.join(argv[:3])}` in {timeout_s:.0f} s") from None


def _is_unreachable(problem: str) -> bool:
    return any(word in problem.lower() for word in UNREACHABLE)
