"""`bench report`: what does one page say of a whole store?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import StoreOption


def report(
    *,
    store: StoreOption = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")] = Path("report.html"),
    title: Annotated[str, typer.Option("--title", help="Heading of the page.", show_default=False)] = "",
) -> None:
    """One page to send: results, comparisons, proofs and failures of a store.

    A single HTML file with its charts inside; it loads nothing and runs nothing.
    """
    from orchestrator.analysis.overview import survey_records
    from orchestrator.catalog.rows import read_variants
    from orchestrator.catalog.work import read_networks
    from orchestrator.host.site import read_config
    from orchestrator.report.html import render_page
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed
    from orchestrator.store.sboms import read_sboms

    opened = open_store(find_store(store))
    records, problems = read_trimmed(opened)
    show_problems(problems)
    sboms = read_sboms(opened, (record.provenance.image_id for record in records))
    overview = survey_records(records, read_networks(), limits=read_config(pip={}).limits, sboms=sboms)
    page = render_page(overview, problems, root=opened.root, rows=read_variants().variants, title=title)
    show_answer(page, output)
