"""`bench lock`, `bench build`: from rows to images."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import (
    BlasOption,
    DeviceChoice,
    DeviceOption,
    Frameworks,
    InstallOption,
    JobsOption,
    JsonOption,
    VariantsOption,
)


def lock(
    *,
    frameworks: Frameworks = "all",
    device: DeviceOption = DeviceChoice.ALL,
    blas: BlasOption = "all",
    install: InstallOption = "all",
    pattern: VariantsOption = "*",
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Resolve again where a lock is there already.")] = False,
) -> None:
    """Write hash-pinned requirements.

    For the rows that install from a package index; a lock that is there is left alone.
    """
    from orchestrator.builder.lock import write_locks
    from orchestrator.catalog.rows import read_variants
    from orchestrator.catalog.select import select
    from orchestrator.host.site import read_config
    from orchestrator.screen.plain import say

    chosen = select(
        read_variants(), frameworks=frameworks, device=device.value, blas=blas, install=install, variants=pattern
    )
    written = write_locks(chosen.variants, site=read_config().site, again=upgrade)
    for path in written:
        say(f"wrote {path}")
    if not written:
        say("every lock is up to date; --upgrade resolves them again")


def build(
    *,
    frameworks: Frameworks = "all",
    device: DeviceOption = DeviceChoice.CPU,
    blas: BlasOption = "all",
    install: InstallOption = "all",
    pattern: VariantsOption = "*",
    jobs: JobsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Build images.

    What is there already is left alone; one that fails does not stop the others.
    """
    from orchestrator.builder.build import build_images
    from orchestrator.catalog.rows import read_variants
    from orchestrator.catalog.select import select
    from orchestrator.errors import BuildError
    from orchestrator.host.site import read_config
    from orchestrator.render.image import render_image
    from orchestrator.screen.building import BuildScreen, show_built

    chosen = select(
        read_variants(), frameworks=frameworks, device=device.value, blas=blas, install=install, variants=pattern
    )
    images = [render_image(row) for row in chosen.variants]
    with BuildScreen() as screen:
        results = build_images(images, read_config().site, jobs=jobs or None, on_event=screen)
    show_built(results, as_json=as_json)
    if failed := [built.image for built in results if not built.ok]:
        raise BuildError(f"{len(failed)} of {len(results)} images could not be built: {', '.join(failed)}")
