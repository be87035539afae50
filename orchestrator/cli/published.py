"""`bench published`: what was said before, beside what is measured here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import EngineChoice, Format, FormatOption, JobsOption, OutputOption, StoreOption

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.nouns.record import Record
    from orchestrator.runner.as_published import Request
    from orchestrator.store.reading import Problem


def published(
    *,
    source: Annotated[str, typer.Option("--source", help="Published sources.", metavar="GLOB")] = "*",
    workload: Annotated[
        str, typer.Option("--workload", help="Workloads, as the tables are filed here.", metavar="GLOB")
    ] = "*",
    framework: Annotated[str, typer.Option("--framework", help="Published frameworks.", metavar="GLOB")] = "*",
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published",
            help="Make the published mistakes again on one build, and measure them; best in a --store of their own.",
        ),
    ] = False,
    variant: Annotated[
        str, typer.Option("--variant", help="The build to make them on. Default: numpy's wheel.", metavar="ID")
    ] = "",
    blocks: Annotated[
        int | None, typer.Option("--blocks", min=1, help="Of --as-published. Default: the suite's.", show_default=False)
    ] = None,
    engine: Annotated[EngineChoice, typer.Option("--engine", help="What runs the mistakes.")] = EngineChoice.AUTO,
    store: StoreOption = None,
    jobs: JobsOption = 0,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Published tables beside ours.

    Ratio by ratio, with what is known to be wrong with each row; or what each mistake was worth, measured here.
    """
    from orchestrator.errors import UsageError

    if as_published:
        from orchestrator.runner.as_published import Request

        if (source, framework) != ("*", "*"):
            raise UsageError("--as-published makes mistakes on one build of ours: choose with --variant and --workload")
        request = Request(variant=variant, workload=workload, blocks=blocks, engine=engine.value)
        _recreate(request, store, jobs=jobs, form=form, output=output)
        return
    if variant or blocks is not None or engine is not EngineChoice.AUTO:
        raise UsageError("--variant, --blocks and --engine belong to --as-published: without it, nothing is run")
    _show(source, workload, framework, store=store, form=form, output=output)


def _show(source: str, workload: str, framework: str, *, store: Path | None, form: Format, output: Path | None) -> None:
    from orchestrator.analysis.published import set_beside
    from orchestrator.analysis.trials import judge_trials
    from orchestrator.catalog.work import read_networks
    from orchestrator.host.site import read_config
    from orchestrator.published.tables import choose, read_published
    from orchestrator.report.published import published_table
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer, show_problems
    from orchestrator.screen.plain import say
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed

    known = read_published()
    chosen = choose(known, source=source, workload=workload, framework=framework)
    path = find_store(store)
    records: list[Record] = []
    problems: list[Problem] = []
    if store is None and not path.exists():
        say(f"no store yet at {path}: what was published stands alone; `bench matrix` measures what belongs beside it")
    else:
        records, problems = read_trimmed(open_store(path))
    show_problems(problems)
    trials = judge_trials(records, limits=read_config(pip={}).limits)
    answer = set_beside(known, chosen.numbers, trials, read_networks())
    show_answer(published_table(answer, form.value), output)


def _recreate(request: Request, store: Path | None, *, jobs: int, form: Format, output: Path | None) -> None:
    from orchestrator.errors import BuildError
    from orchestrator.host.site import read_config
    from orchestrator.report.as_published import worth_table
    from orchestrator.runner.as_published import find_recreation, weigh_recreation
    from orchestrator.runner.campaign import build_missing, run_todo
    from orchestrator.screen.answers import show_answer
    from orchestrator.screen.building import BuildScreen
    from orchestrator.screen.plain import say
    from orchestrator.screen.planning import show_todo
    from orchestrator.screen.running import RunScreen

    recreation = find_recreation(request, store, announce=say)
    todo = recreation.todo
    show_todo(todo)
    if todo.trials:
        with BuildScreen() as building:
            failed = build_missing(todo, jobs=jobs or None, on_event=building)
        if failed:
            raise BuildError(f"nothing was measured, as this image could not be built: {', '.join(failed)}")
        with RunScreen(todo.trials) as running:
            run_todo(todo, failed=failed, on_event=running, announce=say)
    worth = weigh_recreation(recreation, limits=read_config(pip={}).limits)
    show_answer(worth_table(recreation.variant.id, worth, recreation.left_out, form.value), output)
