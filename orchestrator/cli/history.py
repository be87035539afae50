"""`bench history`: when did what become slower?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import OutputOption, SheetFormat, SheetFormatOption, StoreOption


def history(
    stores: Annotated[
        list[Path] | None, typer.Argument(help="Folders of records, beside --store.", metavar="[STORE]...")
    ] = None,
    *,
    workload: Annotated[str, typer.Option("--workload", help="Glob over workloads.", metavar="GLOB")] = "*",
    variant: Annotated[str, typer.Option("--variant", help="Glob over variant identifiers.", metavar="GLOB")] = "*",
    store: StoreOption = None,
    form: SheetFormatOption = SheetFormat.TABLE,
    output: OutputOption = None,
) -> None:
    """When a cell became slower or faster, over many runs.

    And what differed from then on: version, image, BLAS, kernel.
    """
    from orchestrator.analysis.history import trace_history
    from orchestrator.errors import UsageError
    from orchestrator.host.site import read_config
    from orchestrator.report.histories import history_table
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed

    records = []
    named = [*(stores or []), *([store] if store is not None else [])]
    for path in named or [find_store(None)]:
        found, problems = read_trimmed(open_store(path))
        show_problems(problems)
        records += found
    traces = trace_history(records, workload=workload, variant=variant, limits=read_config(pip={}).limits)
    if records and not traces:
        raise UsageError(
            f"none of {len(records)} records is valid and of a workload {workload!r} on a variant {variant!r}; "
            "bench results says what there is"
        )
    show_answer(history_table(traces, form.value), output)
