"""Does a real engine build on the base that was meant, wherever its tag has moved, and does the image say which?"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.builder import build as module
from orchestrator.builder.bases import find_bases
from orchestrator.builder.build import build_images
from orchestrator.builder.engine import Present, find_present
from orchestrator.builder.events import Built
from orchestrator.engines.docker import DockerEngine
from orchestrator.nouns.image import Image
from orchestrator.nouns.site import Site
from tests.engine.registry import Registry

pytestmark = pytest.mark.engine


def docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True).stdout.strip()


def build(base: str, logs: Path) -> Built:
    """Anew, whatever is there already."""
    name = f"bench/test-stand:{uuid.uuid5(uuid.NAMESPACE_URL, base).hex[:12]}"
    subprocess.run(["docker", "image", "rm", "--force", name], capture_output=True, check=False)
    image = Image(name=name, dockerfile=f"FROM {base}\nLABEL a=b\n", context={}, base=base, digest=name[-12:])
    (built,) = build_images([image], Site(), on_event=lambda _: None, logs=logs)
    return built


def labels(built: Built) -> dict[str, str]:
    said: dict[str, str] = json.loads(docker("image", "inspect", built.image, "--format", "{{json .Config.Labels}}"))
    return said


@pytest.fixture
def registry(engine: DockerEngine) -> Iterator[Registry]:
    """It answers; every image that came of it is removed at the end."""
    assert engine.check()
    with Registry() as found:
        yield found
    place = found.place
    listed = docker("image", "ls", "--all", "--format", "{{.ID}} {{.Repository}}").splitlines()
    ids = [line.split()[0] for line in listed if line.split()[1].startswith((place, "bench/test-stand", "test-local"))]
    subprocess.run(["docker", "image", "rm", "--force", *set(ids)], capture_output=True, check=False)


def test_a_base_is_fetched_once_held_by_its_digest_and_named_in_the_image(registry: Registry, tmp_path: Path) -> None:
    first = registry.push("1", uuid.uuid4().bytes)
    base = f"{registry.place}/base:1"
    one = build(base, tmp_path)
    assert one.ok, one.reason
    assert labels(one)["org.opencontainers.image.base.name"] == base
    assert labels(one)["org.opencontainers.image.base.digest"] == first
    second = registry.push("1", uuid.uuid4().bytes)
    assert build(base, tmp_path).image_id == one.image_id, "the base that is here stays the base"
    docker("pull", "--quiet", base)
    two = build(base, tmp_path)
    assert labels(two)["org.opencontainers.image.base.digest"] == second
    assert two.image_id != one.image_id, "another base is another image"


def move_after(monkeypatch: pytest.MonkeyPatch, move: Any) -> None:
    """Let a tag move between the look at it and the build."""

    def find(names: Any) -> dict[str, Present]:
        found = find_bases(names)
        move()
        return found

    monkeypatch.setattr(module, "find_bases", find)


def test_a_tag_that_moves_during_a_build_does_not_move_the_build(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = registry.push("1", uuid.uuid4().bytes)
    registry.push("2", uuid.uuid4().bytes)
    base, other = f"{registry.place}/base:1", f"{registry.place}/base:2"
    docker("pull", "--quiet", base)
    docker("pull", "--quiet", other)
    layers = find_bases([base])[base].layers
    move_after(monkeypatch, lambda: docker("tag", other, base))
    built = build(base, tmp_path)
    assert built.ok, built.reason
    assert labels(built)["org.opencontainers.image.base.digest"] == first
    assert find_bases([built.image])[built.image].layers == layers


def test_a_base_of_no_registry_is_named_by_its_id_and_may_not_move_during_a_build(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tag in ("1", "2"):
        registry.push(tag, uuid.uuid4().bytes)
        docker("pull", "--quiet", f"{registry.place}/base:{tag}")
    base = f"test-local{uuid.uuid4().hex[:8]}:1"
    docker("tag", f"{registry.place}/base:1", base)
    built = build(base, tmp_path)
    assert built.ok, built.reason
    said = labels(built)
    assert said["bench.base"] == find_bases([base])[base].image_id
    assert "org.opencontainers.image.base.digest" not in said
    move_after(monkeypatch, lambda: docker("tag", f"{registry.place}/base:2", base))
    moved = build(base, tmp_path)
    assert not moved.ok and moved.reason == f"{base} became another image during the build"
    assert not find_present([moved.image])
