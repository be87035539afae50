"""How much does each image add to what the ones before it hold already?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Instructions that make a layer, even one of no bytes; the others only write metadata.
LAYERED = ("RUN ", "COPY ", "ADD ", "WORKDIR ")


def measure_added(ids: Mapping[str, str]) -> dict[str, int]:
    """Name -> bytes of the layers that no image earlier in `ids` (name -> image id) has; without what cannot be told.

    Rows that share an image add nothing after the first. Raises nothing: an image that is gone is left out.
    """
    import docker
    from docker.errors import DockerException

    added: dict[str, int] = {}
    seen: set[str] = set()
    try:
        client = docker.APIClient(timeout=60)
        for name, image_id in ids.items():
            layers = client.inspect_image(image_id)["RootFS"]["Layers"]  # type: ignore[no-untyped-call]
            sizes = match_layers(layers, client.history(image_id))  # type: ignore[no-untyped-call]
            if sizes is not None:
                added[name] = sum(size for layer, size in sizes.items() if layer not in seen)
                seen |= sizes.keys()
        client.close()
    except DockerException:
        return added
    return added


def match_layers(layers: Sequence[str], history: Sequence[Mapping[str, object]]) -> dict[str, int] | None:
    """Layer's digest -> bytes, oldest first; None where the history does not tell which entries made a layer.

    `history` is the engine's, newest first: it has one entry per instruction, and most of those made no layer.
    """
    sizes = []
    for entry in reversed(history):
        size, made_by = int(str(entry.get("Size") or 0)), str(entry.get("CreatedBy") or "")
        if size or made_by.startswith(LAYERED):
            sizes.append(size)
    if len(sizes) != len(layers):
        return None
    return dict(zip(layers, sizes, strict=True))
