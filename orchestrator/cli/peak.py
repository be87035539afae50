"""`bench peak`: what can this machine do at most, in each image?"""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.measure import matrix
from orchestrator.cli.options import (
    BlasOption,
    DeviceChoice,
    DeviceOption,
    EngineChoice,
    Format,
    FormatOption,
    Frameworks,
    InstallOption,
    JobsOption,
    OutputOption,
    StoreOption,
    VariantsOption,
)

SUITE = "peak"


def peak(
    *,
    frameworks: Frameworks = "all",
    device: DeviceOption = DeviceChoice.CPU,
    blas: BlasOption = "all",
    install: InstallOption = "all",
    pattern: VariantsOption = "*",
    threads: Annotated[str, typer.Option("--threads", help="Thread counts, as in 1,2.", metavar="N,...")] = "1",
    blocks: Annotated[
        int | None, typer.Option("--blocks", min=1, help="Instead of the suite's.", show_default=False)
    ] = None,
    engine: Annotated[EngineChoice, typer.Option("--engine", help="What runs the trials.")] = EngineChoice.AUTO,
    store: StoreOption = None,
    jobs: JobsOption = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; no engine is asked.")] = False,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """What this machine can do at most, in each image.

    SGEMM and a copy of memory, measured as `bench matrix` measures, beside what the data sheet says.
    """
    from orchestrator.errors import BuildError

    failed: BuildError | None = None
    try:
        matrix(
            frameworks=frameworks,
            device=device,
            blas=blas,
            install=install,
            pattern=pattern,
            suite=SUITE,
            threads=threads,
            blocks=blocks,
            engine=engine,
            store=store,
            jobs=jobs,
            dry_run=dry_run,
        )
    except BuildError as error:
        failed = error  # the images that could be built were measured, and are shown
    if not dry_run:
        _show_peaks(store, form, output)
    if failed is not None:
        raise failed


def _show_peaks(store: StoreOption, form: Format, output: OutputOption) -> None:
    """Every peak that the store holds, not only those of this selection: shares need the best one."""
    from orchestrator.analysis.peaks import find_peaks
    from orchestrator.catalog.work import read_networks
    from orchestrator.host.site import read_config
    from orchestrator.report.peaks import peaks_table
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_answer
    from orchestrator.store.opening import open_store
    from orchestrator.store.reading import read_trimmed

    records, _ = read_trimmed(open_store(find_store(store)))  # the run has named what it could not use
    peaks = find_peaks(records, read_networks(), limits=read_config(pip={}).limits)
    show_answer(peaks_table(peaks, form.value), output)
