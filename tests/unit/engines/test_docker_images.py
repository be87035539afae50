"""Is an image taken for what was planned only where it says so itself?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.engines.docker import DockerEngine
from orchestrator.engines.docker.images import find_image
from orchestrator.errors import BuildError, NoEngineError
from orchestrator.nouns.image import Image
from tests.makers import variant

IMAGE = Image(name="bench/numpy:0123", dockerfile="", context={}, base="", digest="ab" * 32)


def client(found: dict[str, Any] | Exception) -> Any:
    def inspect(_name: str) -> dict[str, Any]:
        if isinstance(found, Exception):
            raise found
        return found

    return SimpleNamespace(inspect_image=inspect)


def held(digest: str | None, **fields: Any) -> dict[str, Any]:
    return {"Id": "sha256:1", "Config": {"Labels": {"bench.digest": digest} if digest else None}} | fields


def test_the_id_comes_with_the_digests_that_a_registry_gave() -> None:
    known = held(IMAGE.digest, RepoDigests=["a/b@sha256:2"])
    assert find_image(client(known), variant(), IMAGE) == ("sha256:1", ("a/b@sha256:2",))
    assert find_image(client(held(IMAGE.digest)), variant(), IMAGE) == ("sha256:1", ())


@pytest.mark.parametrize("found", [held("cd" * 32), held(None), {"Id": "sha256:1", "Config": None}])
def test_another_image_under_the_planned_name_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(BuildError, match="another image than was planned"):
        find_image(client(found), variant(), IMAGE)


def test_an_image_that_is_not_there_is_no_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's ImageNotFound is a failure of HTTP, too."""
    from docker.errors import ImageNotFound
    from requests.exceptions import ConnectionError as Unreachable

    errors: list[Exception] = [ImageNotFound("404"), Unreachable("gone")]
    monkeypatch.setattr("orchestrator.engines.docker.engine.open_client", lambda _: client(errors.pop(0)))
    with pytest.raises(BuildError, match="bench build --variants"):
        DockerEngine().prepare(variant(), IMAGE)
    with pytest.raises(NoEngineError, match="went away"):
        DockerEngine().prepare(variant(), IMAGE)
