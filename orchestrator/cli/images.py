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

    What is there already is left alone; one that fails does not stop the others. CPU rows that nobody has seen run are
    left out, unless they are named in full.
    """
    from orchestrator.builder.build import build_images
    from orchestrator.builder.sizes import measure_added
    from orchestrator.catalog.rows import read_variants
    from orchestrator.catalog.select import leave_unverified, select
    from orchestrator.errors import BuildError
    from orchestrator.host.site import read_config
    from orchestrator.render.rows import render_rows
    from orchestrator.screen.building import BuildScreen, show_built, show_unbuilt

    asked = select(
        read_variants(), frameworks=frameworks, device=device.value, blas=blas, install=install, variants=pattern
    )
    chosen = leave_unverified(asked, pattern)
    rendered = render_rows(chosen.variants)
    with BuildScreen() as screen:
        results = build_images(rendered.images.values(), read_config().site, jobs=jobs or None, on_event=screen)
    added = measure_added({built.image: built.image_id for built in results if built.image_id})
    # A row that has been seen nowhere may fail to build: it says so, and is no failure of the others.
    open_rows = {row.id for row in chosen.variants if row.unverified and row.id not in pattern.split(",")}
    excused = {image.name for name, image in rendered.images.items() if name in open_rows}
    excused -= {image.name for name, image in rendered.images.items() if name not in open_rows}
    show_built(results, added, as_json=as_json)
    show_unbuilt(rendered.problems, [skipped for skipped in chosen.skipped if skipped not in asked.skipped])
    failed = [built.image for built in results if not built.ok and built.image not in excused]
    if failed or rendered.problems:
        names = [*failed, *rendered.problems]
        raise BuildError(f"{len(names)} of {len(results)} images could not be built: {', '.join(names)}")


def gc(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove images that no variant names any more.

    An image is named after its content, so a changed row, lock or template leaves the one before behind.
    """
    from orchestrator.builder.engine import list_images, remove_image
    from orchestrator.catalog.rows import read_variants
    from orchestrator.errors import LockError
    from orchestrator.render.rows import render_rows
    from orchestrator.screen.building import show_removed

    rendered = render_rows(read_variants().variants)
    if rendered.problems:
        # What such a row's image is called is not known: it would be taken for one that nobody names.
        raise LockError(
            f"nothing was removed, as not every row could be rendered: {'; '.join(rendered.problems.values())}"
        )
    named = {image.name for image in rendered.images.values()}
    gone = {name: held for name, held in list_images().items() if name.removeprefix("localhost/") not in named}
    problems = {} if dry_run else {name: remove_image(name) for name in gone}
    show_removed(gone, {name: why for name, why in problems.items() if why}, dry_run=dry_run)


def sbom(
    variant: Annotated[str, typer.Argument(help="Identifier of a variant.")],
    other: Annotated[str, typer.Argument(help="Another one: what the two do not share.", metavar="[OTHER]")] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """The packages of an image, or what two images do not share."""
    from orchestrator.analysis.packages import compare_packages
    from orchestrator.builder.sbom import list_packages
    from orchestrator.catalog.find import find_variant
    from orchestrator.catalog.rows import read_variants
    from orchestrator.render.image import render_image
    from orchestrator.screen.building import show_differences, show_packages

    catalogue = read_variants()
    found = [list_packages(render_image(find_variant(catalogue, name)).name) for name in (variant, other) if name]
    if not other:
        show_packages(found[0], as_json=as_json)
    else:
        show_differences(compare_packages(*found), variant, other, as_json=as_json)
