"""`bench matrix`, `bench doctor`, `bench reap`: everything that runs something."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import (
    BlasOption,
    DeviceChoice,
    DeviceOption,
    EngineChoice,
    Frameworks,
    InstallOption,
    JobsOption,
    JsonOption,
    StoreOption,
    VariantsOption,
)


def matrix(
    *,
    frameworks: Frameworks = "all",
    device: DeviceOption = DeviceChoice.CPU,
    blas: BlasOption = "all",
    install: InstallOption = "all",
    pattern: VariantsOption = "*",
    suite: Annotated[
        str, typer.Option("--suite", help="Name of a suite. Default: `default`.", show_default=False)
    ] = "",
    workloads: Annotated[
        str, typer.Option("--workloads", help="Identifiers or globs, in place of the suite's.", metavar="GLOB")
    ] = "",
    threads: Annotated[str, typer.Option("--threads", help="Thread counts, as in 1,2.", metavar="N,...")] = "1",
    modes: Annotated[
        str, typer.Option("--modes", help="Execution modes. Default: the first of each row.", metavar="GLOB")
    ] = "",
    blocks: Annotated[
        int | None, typer.Option("--blocks", min=1, help="Instead of the suite's.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of the order, the weights and the input.", show_default=False)
    ] = None,
    engine: Annotated[EngineChoice, typer.Option("--engine", help="What runs the trials.")] = EngineChoice.AUTO,
    store: StoreOption = None,
    jobs: JobsOption = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; no engine is asked.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure what the store lacks.

    Every workload on every variant, in randomised complete blocks, each trial in a fresh container.
    """
    from orchestrator.errors import BuildError
    from orchestrator.runner.campaign import Request, build_missing, find_todo, plan_dry, run_todo
    from orchestrator.screen.building import BuildScreen
    from orchestrator.screen.plain import say
    from orchestrator.screen.planning import show_done, show_plan, show_todo
    from orchestrator.screen.running import RunScreen

    request = Request(
        frameworks=frameworks,
        device=device.value,
        blas=blas,
        install=install,
        variants=pattern,
        suite=suite,
        workloads=workloads,
        threads=threads,
        modes=modes,
        blocks=blocks,
        seed=seed,
        engine=engine.value,
    )
    if dry_run:
        show_plan(plan_dry(request), as_json=as_json)
        return
    todo = find_todo(request, store, announce=say)
    show_todo(todo)
    if todo.trials:
        with BuildScreen() as building:
            failed = build_missing(todo, jobs=jobs or None, on_event=building)
        with RunScreen(todo.trials) as running:
            run_todo(todo, failed=failed, on_event=running, announce=say)
        if failed:
            raise BuildError(f"not measured, as these images could not be built: {', '.join(failed)}; the rest was")
    show_done(todo, as_json=as_json)


def doctor(*, as_json: JsonOption = False) -> None:
    """This host, and what would spoil a measurement on it."""
    from orchestrator.runner.examine import examine_host
    from orchestrator.screen.planning import show_findings

    show_findings(examine_host(), as_json=as_json)


def reap() -> None:
    """Remove containers that a dead run left behind.

    Those of a living one stay.
    """
    from orchestrator.engines.docker import DockerEngine
    from orchestrator.engines.docker import reap as remove_dead
    from orchestrator.screen.plain import say

    engine = DockerEngine()
    engine.check()
    found = remove_dead(engine.client)
    for name in found.removed:
        say(f"removed {name}")
    say(f"{len(found.removed)} removed; {found.alive} belong to living runs, {found.unknown} to runs elsewhere")
