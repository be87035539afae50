"""Which image stands behind the name of a base, and how is a build held to it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.builder.engine import Present, call_engine, find_present

if TYPE_CHECKING:
    from collections.abc import Iterable

PULL_S = 1800.0
# The keys of https://github.com/opencontainers/image-spec/blob/main/annotations.md.
NAME = "org.opencontainers.image.base.name"
DIGEST = "org.opencontainers.image.base.digest"
LOCAL = "bench.base"
"""The engine's own id: all that there is of a base that came from no registry."""


def find_bases(names: Iterable[str]) -> dict[str, Present]:
    """Name -> image, of bases that are here or can be had; one that cannot is left to its build, which says so.

    A base is fetched before the builds, and not by the first of them: all of a call stand on the same one.
    """
    wanted = list(dict.fromkeys(names))
    found = find_present(wanted)
    for name in wanted:
        if name not in found:
            call_engine(["docker", "pull", "--quiet", name], timeout_s=PULL_S)
    return found | find_present([name for name in wanted if name not in found])


def name_digest(name: str, base: Present) -> str:
    """`python@sha256:...` for `python:3.11-slim-bookworm`; empty where the engine knows of no registry's digest."""
    head, _, last = name.rpartition("/")
    repository = f"{head}/{last.partition(':')[0]}".lstrip("/")
    found = sorted(each for each in base.digests if each.partition("@")[0] == repository)
    return found[0] if found else ""


def pin_options(name: str, base: Present | None) -> list[str]:
    """buildx's options: the base by its digest, wherever its tag has moved, and labels that say which it was."""
    if base is None:
        return []
    options = ["--label", f"{NAME}={name}", "--label", f"{LOCAL}={base.image_id}"]
    if digest := name_digest(name, base):
        options += ["--label", f"{DIGEST}={digest.partition('@')[2]}"]
        options += ["--build-context", f"{name}=docker-image://{digest}"]
    return options


def stands_on(built: Present, base: Present) -> bool:
    """Whether an image begins with all the layers of its base: a tag without a digest may move during a build."""
    return built.layers[: len(base.layers)] == base.layers
