"""`bench data`: are the data sets there, and are they what was published?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import OutputOption, SheetFormat, SheetFormatOption

app = typer.Typer(
    name="data",
    help="The data sets in a folder of yours. Nothing is ever downloaded.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def data() -> None:
    """The data sets in a folder of yours. Nothing is ever downloaded."""


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder with the files, as they were published.", metavar="DIR")],
    *,
    form: SheetFormatOption = SheetFormat.TABLE,
    output: OutputOption = None,
) -> None:
    """What is there of MNIST, CIFAR-10 and IMDB.

    What is missing, and whether each file can be read and has the published hash. Fails where one has not.
    """
    from orchestrator.errors import DatasetError
    from orchestrator.nouns.dataset import DataStatus
    from orchestrator.report.datasets import datasets_table, say_datasets
    from orchestrator.runner.datasets import check_data
    from orchestrator.screen.answers import show_answer

    forms = check_data(folder)
    show_answer(datasets_table(forms, form.value), output)
    found = [each for each in forms if each.files]
    if not found:
        raise DatasetError(f"{folder} holds no file of MNIST, CIFAR-10 or IMDB by its published name")
    worst = max((file for each in found for file in each.files), key=lambda file: list(DataStatus).index(file.status))
    if worst.status not in (DataStatus.OK, DataStatus.UNVERIFIED):
        about = f"{worst.status}: {worst.text}" if worst.text else worst.status
        raise DatasetError(f"{folder}: {say_datasets(found)}; the worst: {worst.path}, {about}")
