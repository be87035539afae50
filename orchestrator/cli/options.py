"""Which options do several commands share? Each is declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class DeviceChoice(StrEnum):
    """`--device`."""

    CPU = "cpu"
    CUDA = "cuda"
    ALL = "all"


class Format(StrEnum):
    """`--format`."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


class SheetFormat(StrEnum):
    """`--format` of what is read, or taken apart by a program, and has no rows of one kind."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


class ScreenFormat(StrEnum):
    """`--format` where there is nothing to compute with."""

    TABLE = "table"
    JSON = "json"


class EngineChoice(StrEnum):
    """`--engine`."""

    AUTO = "auto"
    DOCKER = "docker"
    LOCAL = "local"
    FAKE = "fake"


Frameworks = Annotated[str, typer.Option("--frameworks", help="Comma-separated names, or `all`.", metavar="NAMES")]
DeviceOption = Annotated[DeviceChoice, typer.Option("--device", help="Device of the build.")]
BlasOption = Annotated[str, typer.Option("--blas", help="Comma-separated BLAS names.", metavar="NAMES")]
InstallOption = Annotated[str, typer.Option("--install", help="Of: pip, distro, source.", metavar="NAMES")]
VariantsOption = Annotated[str, typer.Option("--variants", help="Glob over variant identifiers.", metavar="GLOB")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else.")]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        help="Folder of the records. Default: $BENCH_STORE, then `store` in bench.toml, then the user's data folder.",
        show_default=False,
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to write the answer.")]
SheetFormatOption = Annotated[SheetFormat, typer.Option("--format", help="How to write the answer.")]
ScreenFormatOption = Annotated[ScreenFormat, typer.Option("--format", help="How to write the answer.")]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file.", show_default=False)]
JobsOption = Annotated[int, typer.Option("--jobs", min=0, help="Images built at the same time. 0: as bench.toml says.")]
