"""Is the image that was planned on this engine, and which one is it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import BuildError

if TYPE_CHECKING:
    from docker import APIClient

    from orchestrator.nouns.image import Image
    from orchestrator.nouns.variant import Variant

LABEL = "bench.digest"


class Held(NamedTuple):
    """An image that an engine holds."""

    id: str
    digests: tuple[str, ...]
    """`repository@sha256:...`, where it has been in a registry."""


def find_image(client: APIClient, variant: Variant, image: Image) -> Held:
    """The image behind the tag, made of what was planned. Raises BuildError where there is none, or another one."""
    from docker.errors import ImageNotFound

    build = f"`bench build --variants {variant.id}`"
    try:
        found = client.inspect_image(image.name)  # type: ignore[no-untyped-call]
    except ImageNotFound as error:
        raise BuildError(f"{variant.id}: there is no image {image.name}; build it with {build}") from error
    label = ((found.get("Config") or {}).get("Labels") or {}).get(LABEL)
    if label != image.digest:
        raise BuildError(
            f"{variant.id}: {image.name} is another image than was planned: its label {LABEL} is "
            f"{str(label)[:12] if label else 'not there'}, expected {image.digest[:12]}; remove it with "
            f"`docker image rm {image.name}` and build it with {build}"
        )
    return Held(str(found["Id"]), tuple(found.get("RepoDigests") or ()))
