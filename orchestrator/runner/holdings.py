"""How large are the images of some rows on this engine, and how much does each add?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.builder.engine import find_present
from orchestrator.builder.sizes import measure_added
from orchestrator.errors import NoEngineError
from orchestrator.render.rows import render_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.nouns.variant import Variant


def find_sizes(variants: Iterable[Variant]) -> dict[str, tuple[int | None, int | None]]:
    """Row's identifier -> (bytes of its image, bytes that no image of a row before it has); only what is there.

    Of rows that share an image the first adds it and the others add nothing. Empty where no engine answers.
    """
    images = render_rows(variants).images
    try:
        present = find_present([image.name for image in images.values()])
    except NoEngineError:
        return {}
    added = measure_added({name: held.image_id for name, held in present.items()})
    sizes: dict[str, tuple[int | None, int | None]] = {}
    counted: set[str] = set()
    for row, image in images.items():
        if image.name in present:
            sizes[row] = (present[image.name].size_bytes, 0 if image.name in counted else added.get(image.name))
            counted.add(image.name)
    return sizes
