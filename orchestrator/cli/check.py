"""`bench check`: is anything slower than it was?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import OutputOption, SheetFormat, SheetFormatOption, StoreOption

MOST = 10
"""Times as long, beyond what it took: whoever allows more has left out a percent sign."""


def check(
    *,
    baseline: Annotated[Path, typer.Option("--baseline", help="Folder of the records to compare with.")],
    store: StoreOption = None,
    max_slowdown: Annotated[
        str, typer.Option("--max-slowdown", help="What is allowed: 3%, 0.03.", metavar="SHARE")
    ] = "3%",
    across_versions: Annotated[
        bool, typer.Option("--across-versions", help="Set the newest version against the baseline's newest.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Cells that are missing, invalid or confounded do not fail.")
    ] = False,
    form: SheetFormatOption = SheetFormat.TABLE,
    output: OutputOption = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML here as well.", show_default=False)
    ] = None,
) -> None:
    """Fail where a cell is slower than in a baseline store.

    Also where it is missing, has no valid trial, or was measured differently.
    """
    from orchestrator.analysis.check import LACKING, check_records
    from orchestrator.analysis.matching import Match
    from orchestrator.errors import RegressionError, UsageError
    from orchestrator.host.site import read_config
    from orchestrator.report.checks import check_table, say_check
    from orchestrator.report.junit import write_junit
    from orchestrator.runner.folders import find_store
    from orchestrator.runner.shares import read_share
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.screen.plain import write_answer
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed

    current = find_store(store)
    allowed = read_share(
        "--max-slowdown", max_slowdown, example="3%, 0.5% or 0.03", fits=lambda share: 0 <= share < MOST
    )
    if current.resolve() == baseline.resolve():
        raise UsageError(f"--baseline and --store are one folder, {current}: name two stores")
    before, problems = read_trimmed(open_store(baseline))
    after, others = read_trimmed(open_store(current))
    show_problems([*problems, *others])
    if not before:
        raise UsageError(f"the baseline {baseline} holds no records: there is nothing to check against")
    matching = Match.ANY_VERSION if across_versions else Match.VARIANT
    found = check_records(before, after, max_slowdown=allowed, matching=matching, limits=read_config(pip={}).limits)
    show_answer(check_table(found, form.value), output)
    tolerated = LACKING if allow_missing else frozenset()
    if junit is not None:
        write_answer(write_junit(found, tolerated), junit)
    failing = found.failures(tolerated)
    if failing:
        raise RegressionError(f"{say_check(found)}; the first that fails: {failing[0].cell}: {failing[0].text}")
