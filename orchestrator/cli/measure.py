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
        int | None,
        typer.Option(
            "--blocks", min=1, help="Instead of the suite's; with --precision the most (100).", show_default=False
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Go on until every 95 % interval is within this share of its ratio: 1%, 0.5%, 0.01.",
            metavar="SHARE",
            show_default=False,
        ),
    ] = "",
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of the order, the weights and the input.", show_default=False)
    ] = None,
    memory: Annotated[
        str,
        typer.Option(
            "--memory",
            help="What a container may take, as in 2G; a trial that asks for more is `oom`. Default: the suite's, 8G.",
            metavar="SIZE",
            show_default=False,
        ),
    ] = "",
    engine: Annotated[EngineChoice, typer.Option("--engine", help="What runs the trials.")] = EngineChoice.AUTO,
    store: StoreOption = None,
    jobs: JobsOption = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; no engine is asked.")] = False,
    allow_host_change: Annotated[
        bool,
        typer.Option("--allow-host-change", help="Add to trials that another machine has measured."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure what the store lacks.

    Every workload on every variant, in randomised complete blocks, each trial in a fresh container.
    """
    from orchestrator.errors import BuildError
    from orchestrator.runner.campaign import (
        Request,
        build_missing,
        find_departed,
        find_todo,
        plan_dry,
        run_todo,
    )
    from orchestrator.runner.outlook import look_ahead_dry
    from orchestrator.screen.building import BuildScreen
    from orchestrator.screen.plain import say
    from orchestrator.screen.planning import show_done, show_plan, show_short, show_todo
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
        precision=precision,
        seed=seed,
        memory=memory,
        engine=engine.value,
        allow_host_change=allow_host_change,
    )
    if dry_run:
        plan = plan_dry(request)
        show_plan(plan, look_ahead_dry(plan, request.engine, store), as_json=as_json)
        return
    todo = find_todo(request, store, announce=say)
    show_todo(todo)
    ran = 0
    failed: dict[str, str] = {}
    if todo.trials:
        with BuildScreen() as building:
            failed = build_missing(todo, jobs=jobs or None, on_event=building)
        with RunScreen(todo.trials) as running:
            ran = run_todo(todo, failed=failed, on_event=running, announce=say)
    departed = find_departed(todo)
    show_short(departed)
    show_done(todo, departed, ran=ran, failed=failed, as_json=as_json)
    if failed:
        raise BuildError(f"not measured, as these images could not be built: {', '.join(failed)}; the rest was")


def doctor(*, as_json: JsonOption = False) -> None:
    """This host, and what would spoil a measurement on it."""
    from orchestrator.errors import NoEngineError
    from orchestrator.runner.examine import can_run, examine_host
    from orchestrator.screen.examining import show_findings

    findings = examine_host()
    show_findings(findings, as_json=as_json)
    if not can_run(findings):
        raise NoEngineError("nothing can run here: neither a container engine nor the local one answers; see above")


def reap() -> None:
    """Remove containers that a dead run left behind.

    Those of a living one stay.
    """
    from orchestrator.engines.docker import DockerEngine
    from orchestrator.screen.plain import say

    engine = DockerEngine()
    engine.check()
    found = engine.reap()
    for name in found.removed:
        say(f"removed {name}")
    say(f"{len(found.removed)} removed; {found.alive} belong to living runs, {found.unknown} to runs elsewhere")
