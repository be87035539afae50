"""`bench selftest`: may the rest be believed on this machine?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import EngineChoice, ScreenFormat, ScreenFormatOption


def selftest(
    *,
    engine: Annotated[EngineChoice, typer.Option("--engine", help="What runs the trials.")] = EngineChoice.AUTO,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of the order, the weights and the input.", show_default=False)
    ] = None,
    repeat_aa: Annotated[
        int, typer.Option("--repeat-aa", min=1, max=1000, help="Compare equals this many times, and tally.")
    ] = 1,
    form: ScreenFormatOption = ScreenFormat.TABLE,
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Keep the records here; by default they are thrown away.", show_default=False),
    ] = None,
) -> None:
    """Plant differences and find them.

    One build under two names must not differ; 1.5 and 1.03 times the work must be found as such. Under three minutes
    with one comparison of equals; every further one (--repeat-aa) takes about one minute more.
    """
    import tempfile

    from orchestrator.errors import SelftestError
    from orchestrator.host.site import read_config
    from orchestrator.runner.selftest import choose_for_selftest, run_selftest
    from orchestrator.screen.answers import show_problems
    from orchestrator.screen.plain import say
    from orchestrator.screen.running import RunScreen
    from orchestrator.screen.selftest import say_failure, show_selftest
    from orchestrator.store.opening import open_store
    from orchestrator.store.resume import read_progress

    config = read_config()
    site = config.site
    chosen = choose_for_selftest(engine.value, site)
    say(chosen.message or f"engine: {chosen.answer}")
    if store is not None and store.exists():
        show_problems(read_progress(open_store(store)).problems)
    with tempfile.TemporaryDirectory(prefix="bench-selftest-") as folder, RunScreen(()) as running:
        found = run_selftest(
            chosen,
            site,
            store or Path(folder) / "store",
            seed=seed,
            repeats=repeat_aa,
            announce=say,
            on_event=running,
            limits=config.limits,
        )
    show_selftest(found, as_json=form is ScreenFormat.JSON)
    if not found.ok:
        raise SelftestError(say_failure(found))
