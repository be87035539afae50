"""What do the data sets of a folder look like on a terminal, in Markdown and as data?"""

from __future__ import annotations

import posixpath
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.nouns.dataset import DataStatus
from orchestrator.report import formats
from orchestrator.report.sheets import Sheet, draw_sheets, write_sheets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from orchestrator.nouns.dataset import DataFile, DataForm

HEADINGS = ("file", "status", "bytes", "hash", "what is in it")

MEANINGS = {
    DataStatus.UNVERIFIED: "unverified: it can be read and is complete; no published hash of it is known here.",
    DataStatus.ALTERED: "altered: it can be read, and is not what was published; results on it are about other data.",
    DataStatus.MISSING: "missing: nothing is downloaded here; put the file where the others are.",
    DataStatus.DAMAGED: "damaged: it cannot be read as what its name says.",
    DataStatus.REFUSED: "refused: it asks for something that no data set needs. Nothing of that was done. Remove it.",
}


def datasets_table(forms: Sequence[DataForm], form: str = "table") -> RenderableType | str:
    """Every file by data set and form, then what is not there at all, as `table`, `markdown` or `json`."""
    if form == "json":
        return formats.write_json({"forms": [_document(each) for each in forms]})
    sheets = [_sheet(each) for each in forms if each.files]
    below = [MEANINGS[status] for status in MEANINGS if any(_has(each, status) for each in forms)]
    if absent := [each for each in forms if not each.files]:
        sheets.append(_absent(absent))
    return write_sheets(sheets, below) if form == "markdown" else draw_sheets(sheets, below)


def say_datasets(forms: Sequence[DataForm]) -> str:
    """`3 ok, 1 altered`: files by status, the worst last."""
    counts = Counter(file.status for form in forms for file in form.files)
    return ", ".join(f"{counts[status]} {status}" for status in DataStatus if counts[status]) or "no file"


def say_hash(file: DataFile) -> str:
    """Whether the hash is the published one; a folder and a missing file have none."""
    if file.hash is None:
        return "-"
    if file.published is None:
        return "unknown"
    return "right" if file.hash == file.published else "wrong"


def _has(form: DataForm, status: DataStatus) -> bool:
    return any(file.status is status for file in form.files)


def _sheet(form: DataForm) -> Sheet:
    """The folder stands in the title: names alone leave a terminal of 80 columns room for what is in the files."""
    folder = posixpath.commonpath([posixpath.dirname(file.path.rstrip("/")) for file in form.files])
    lines = tuple(
        (
            file.path.removeprefix(f"{folder}/"),
            str(file.status),
            "-" if file.bytes is None else f"{file.bytes:,}",
            say_hash(file),
            file.text,
        )
        for file in form.files
    )
    where = f", in {folder}" if folder else ""
    verdict = "incomplete" if form.status is DataStatus.MISSING else form.status
    return Sheet(f"{form.dataset}, {form.form}{where}: {verdict}", HEADINGS, lines, right=("bytes",))


def _absent(forms: Sequence[DataForm]) -> Sheet:
    lines = tuple((form.dataset, form.form, form.looked_for) for form in forms)
    return Sheet("Not there", ("data set", "form", "looked for"), lines, names=2)


def _document(form: DataForm) -> dict[str, object]:
    return {**form.model_dump(mode="json"), "status": form.status}
