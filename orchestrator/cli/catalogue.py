"""`bench variants`, `bench workloads`, `bench render`: what is there to choose from?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import (
    BlasOption,
    DeviceChoice,
    DeviceOption,
    Frameworks,
    InstallOption,
    JsonOption,
    OutputOption,
    SheetFormat,
    SheetFormatOption,
    VariantsOption,
)


def variants(
    *,
    frameworks: Frameworks = "all",
    device: DeviceOption = DeviceChoice.ALL,
    blas: BlasOption = "all",
    install: InstallOption = "all",
    pattern: VariantsOption = "*",
    why: Annotated[str, typer.Option("--why", help="Explain one row: its claims, pins and traps.", metavar="ID")] = "",
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Show what the records of this folder say of each row.", show_default=False),
    ] = None,
    form: SheetFormatOption = SheetFormat.TABLE,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every build that can be measured.

    And what does not exist, with the reason. With a store: image size, versions, BLAS, agreement and times of each row.
    """
    from orchestrator.catalog.find import find_variant
    from orchestrator.catalog.rows import read_variants
    from orchestrator.catalog.select import select
    from orchestrator.screen import catalogue as screen

    catalogue = read_variants()
    if why:
        screen.show_why(find_variant(catalogue, why))
        return
    selection = select(
        catalogue, frameworks=frameworks, device=device.value, blas=blas, install=install, variants=pattern
    )
    if store is None and form is SheetFormat.TABLE:
        screen.show_variants(selection.variants, selection.skipped, as_json=as_json)
        return
    from orchestrator.analysis.standing import find_standings
    from orchestrator.host.site import read_config
    from orchestrator.report.catalogue import catalogue_table
    from orchestrator.runner.folders import find_store
    from orchestrator.runner.holdings import find_sizes
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed

    records, problems = read_trimmed(open_store(find_store(store)))
    show_problems(problems)
    standings = find_standings(selection.variants, records, read_config(pip={}).limits)
    answer = catalogue_table(standings, find_sizes(selection.variants), "json" if as_json else form.value)
    show_answer(answer, output)


def workloads(
    *,
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Show what the records of this folder say of each workload.", show_default=False),
    ] = None,
    form: SheetFormatOption = SheetFormat.TABLE,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """The networks, the suites that choose among them, and scripts of your own.

    With a store: which framework computes which of them, in which mode, and how exactly.
    """
    if store is None and form is SheetFormat.TABLE:
        from orchestrator.catalog.work import read_networks, read_suites
        from orchestrator.runner.own import find_scripts
        from orchestrator.screen import catalogue as screen

        screen.show_workloads(read_networks(), read_suites(), find_scripts(), as_json=as_json)
        return
    from orchestrator.analysis.coverage import find_coverage
    from orchestrator.host.site import read_config
    from orchestrator.report.coverage import coverage_table
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_records

    records, problems = read_records(open_store(find_store(store)))
    show_problems(problems)
    coverage = find_coverage(records, read_config(pip={}).limits)
    show_answer(coverage_table(coverage, "json" if as_json else form.value), output)


def render(variant: Annotated[str, typer.Argument(help="Identifier of a variant.")]) -> None:
    """The Dockerfile of a variant, as it would be built."""
    from orchestrator.catalog.find import find_variant
    from orchestrator.catalog.rows import read_variants
    from orchestrator.render.image import render_image
    from orchestrator.screen.plain import write_text

    write_text(render_image(find_variant(read_variants(), variant)).dockerfile)
