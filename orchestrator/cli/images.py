"""`bench lock`, `bench build`: from rows to images."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import (
    BlasOption,
    DeviceChoice,
    DeviceOption,
    Frameworks,
    InstallOption,
    JobsOption,
    JsonOption,
    VariantsOption,
)


def lock(
    *,
    frameworks: Frameworks = "all",
    device: DeviceOption = DeviceChoice.ALL,
    blas: BlasOption = "",
    install: InstallOption = "",
    pattern: VariantsOption = "",
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Resolve again, also where a lock is up to date.")] = False,
) -> None:
    """Write hash-pinned requirements for the rows that install from a package index."""


def build(
    *,
    frameworks: Frameworks = "all",
    device: DeviceOption = DeviceChoice.CPU,
    blas: BlasOption = "",
    install: InstallOption = "",
    pattern: VariantsOption = "",
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Build the images of the catalogue; what is already built is left alone."""
