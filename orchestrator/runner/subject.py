"""Which build does the self-test measure, and how does it get a second name?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.builder.build import build_images
from orchestrator.catalog.rows import read_variants
from orchestrator.catalog.select import select
from orchestrator.errors import BuildError
from orchestrator.host.fingerprint import read_cpu_flags
from orchestrator.nouns.variant import Blas, Install
from orchestrator.nouns.workload import Method
from orchestrator.planner.cells import make_plan
from orchestrator.render.image import render_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine import Engine
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.site import Site
    from orchestrator.nouns.variant import Variant

TAG_CHARACTERS = 32


class Subject(NamedTuple):
    """A build that is there."""

    variant: Variant
    image: Image
    reference: str
    """What a launch names it by."""


def choose_subject(engine: Engine, site: Site, announce: Callable[[str], None]) -> Subject:
    """The wheel of numpy on OpenBLAS, or the first other build of numpy that is there; the former is built if none is.

    numpy, because between the harness and the BLAS there is nothing of its own. Raises BuildError.
    """
    chosen = select(read_variants(), frameworks="numpy", device="cpu")
    plan = make_plan(chosen.variants, (), Method(), threads=(1,), cpu_flags=read_cpu_flags(), refuse=engine.refuse)
    rows = sorted(plan.variants, key=lambda row: (row.install, row.blas, row.tag) != (Install.PIP, Blas.OPENBLAS, ""))
    if not rows:
        raise BuildError(f"the {engine.name} engine can run no variant of numpy, and the self-test measures one")
    for row in rows:
        if (found := _prepare(engine, row)) is not None:
            announce(f"the self-test measures {row.id}")
            return found
    return _build(engine, rows[0], site, announce)


def make_twin(variant: Variant) -> Variant:
    """The same build under another name."""
    tag = f"{variant.tag}-twin".lstrip("-")[-TAG_CHARACTERS:].lstrip("-._")
    return variant.model_copy(update={"tag": tag})


def _prepare(engine: Engine, row: Variant) -> Subject | None:
    image = render_image(row)
    try:
        return Subject(row, image, engine.prepare(row, image))
    except BuildError:
        return None


def _build(engine: Engine, row: Variant, site: Site, announce: Callable[[str], None]) -> Subject:
    announce(f"no image of numpy is there; building {row.id}")
    image = render_image(row)
    if engine.name == "docker":
        build_images([image], site, on_event=lambda _: None)
    return Subject(row, image, engine.prepare(row, image))
