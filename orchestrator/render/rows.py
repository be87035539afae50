"""Which rows become images, and which cannot, when each is tried for itself?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator import paths
from orchestrator.errors import LockError
from orchestrator.render.image import make_context, render_image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.nouns.image import Image
    from orchestrator.nouns.variant import Variant


class Rendered(NamedTuple):
    """The images of some rows, and why some of them have none. Both by the row's identifier."""

    images: dict[str, Image]
    problems: dict[str, str]


def render_rows(variants: Iterable[Variant], folder: Path | None = None) -> Rendered:
    """Render every row; one whose lock is missing or older than the row does not stop the others."""
    made = Rendered({}, {})
    for variant in variants:
        try:
            made.images[variant.id] = render_image(variant, folder)
        except LockError as error:
            made.problems[variant.id] = str(error)
    return made


def find_lock_problem(variant: Variant, folder: Path | None = None) -> str:
    """Why this row cannot become an image for want of a lock; empty where it can."""
    try:
        make_context(variant, (folder or paths.images_dir()) / "locks")
    except LockError as error:
        return str(error).removeprefix(f"{variant.id}: ")
    return ""
