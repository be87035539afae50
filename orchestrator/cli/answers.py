"""`bench results`, `bench compare`, `bench status`, `bench verify`: what do the records say?"""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import (
    Format,
    FormatOption,
    JsonOption,
    OutputOption,
    SheetFormat,
    SheetFormatOption,
    StoreOption,
)


def results(
    *,
    store: StoreOption = None,
    show: Annotated[
        str,
        typer.Option(
            "--show",
            help="Tables to add: `limits`, `samples` or `limits,samples`; empty for neither.",
            metavar="PARTS",
        ),
    ] = "limits",
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Every cell of the store.

    Its time with an interval, what was proved, and what is wrong with it.
    """
    from orchestrator.analysis.roofline import place_summaries
    from orchestrator.analysis.summary import summarise_records
    from orchestrator.catalog.work import read_networks
    from orchestrator.errors import UnknownNameError
    from orchestrator.host.site import read_config
    from orchestrator.report.tables import Part, results_table
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed

    parts = [part.strip() for part in show.split(",") if part.strip()]
    for part in parts:
        if part not in tuple(Part):
            raise UnknownNameError("part of the results", part, tuple(Part))
    records, problems = read_trimmed(open_store(find_store(store)))
    show_problems(problems)
    limits = read_config(pip={}).limits
    summaries = summarise_records(records, limits=limits)
    places = place_summaries(summaries, records, read_networks(), limits=limits)
    show_answer(results_table(summaries, form.value, places, parts=[Part(part) for part in parts]), output)


def sweep(
    *, store: StoreOption = None, form: SheetFormatOption = SheetFormat.TABLE, output: OutputOption = None
) -> None:
    """Time and memory by batch and image size."""
    from orchestrator.analysis.sweep import find_sweeps
    from orchestrator.catalog.work import read_networks
    from orchestrator.host.site import read_config
    from orchestrator.report.sweep import sweep_table
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed

    records, problems = read_trimmed(open_store(find_store(store)))
    show_problems(problems)
    found = find_sweeps(records, read_networks(), read_config(pip={}).limits)
    show_answer(sweep_table(found, form.value), output)


def compare(
    first: Annotated[str, typer.Argument(help="Reference: a variant or a glob.", metavar="[A]")] = "",
    second: Annotated[str, typer.Argument(help="Candidate: a variant or a glob.", metavar="[B]")] = "",
    *,
    by: Annotated[
        str, typer.Option("--by", help="blas, core, framework, install, onednn or version.", metavar="AXIS")
    ] = "",
    store: StoreOption = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Ratios, intervals and verdicts.

    B against A, or (--by) rows that differ in nothing but one thing.
    """
    from orchestrator.analysis.axes import compare_by
    from orchestrator.analysis.compare import Thresholds
    from orchestrator.analysis.compare import compare as compare_two
    from orchestrator.analysis.peaks import without_peaks
    from orchestrator.errors import UsageError
    from orchestrator.host.site import read_config
    from orchestrator.report.tables import comparisons_table
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed
    from orchestrator.store.sboms import read_sboms

    if bool(by) == bool(first) or bool(first) != bool(second):
        raise UsageError("bench compare wants two variants, or --by and an axis: `bench compare --by blas`")
    opened = open_store(find_store(store))
    records, problems = read_trimmed(opened)
    show_problems(problems)
    kept = without_peaks(records)
    sboms = read_sboms(opened, (record.provenance.image_id for record in kept))
    thresholds = Thresholds(limits=read_config(pip={}).limits)
    if by:
        found = compare_by(kept, by, thresholds=thresholds, sboms=sboms)
    else:
        found = compare_two(kept, first, second, thresholds=thresholds, sboms=sboms)
    show_answer(comparisons_table(found, form.value), output)


def status(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Which runs of the store go on, are finished, or were interrupted.

    And what is missing of the last ones.
    """
    from orchestrator.host.site import read_config
    from orchestrator.runner.folders import find_store
    from orchestrator.runner.status import read_status
    from orchestrator.screen.status import show_status
    from orchestrator.store.opening import open_store

    opened = open_store(find_store(store))
    show_status(read_status(opened, limits=read_config(pip={}).limits), opened.root, as_json=as_json)


def verify(*, store: StoreOption = None) -> None:
    """Check every record of the store against its own hash."""
    from orchestrator.errors import IntegrityError
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_problems
    from orchestrator.screen.plain import say
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import verify_store

    path = find_store(store)
    verification = verify_store(open_store(path))
    show_problems(verification.problems)
    imported = f" ({verification.imported} of them imported)" if verification.imported else ""
    say(f"{verification.records} sound records{imported}, {len(verification.damaged)} damaged, in {path}")
    if verification.damaged:
        raise IntegrityError(f"{len(verification.damaged)} records of {path} are damaged; the others are sound")
