"""Does the store know what was installed in the images that a run uses?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.builder.sbom import read_packages
from orchestrator.errors import BuildError, NoEngineError
from orchestrator.store.sboms import keep_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.store.folder import Store


def keep_sboms(store: Store, image_ids: Iterable[str], announce: Callable[[str], None]) -> None:
    """Keep the packages of every image; one that does not answer is announced, and can be run all the same."""
    for image_id in sorted(set(image_ids)):
        try:
            keep_packages(store, image_id, read_packages(image_id))
        except (BuildError, NoEngineError) as error:
            announce(f"packages unknown: {error}")
