"""How do rows become CSV, Markdown, JSON or Parquet?"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from orchestrator.report.escape import csv_text, markdown_text
from orchestrator.report.rows import rows_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.report.rows import Row


def write_csv(rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    """A header and a line per row; numbers in full precision, an empty cell where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = [row[name] for name in columns]
        writer.writerow(
            ["" if cell is None else csv_text(cell) if isinstance(cell, str) else repr(cell) for cell in cells]
        )
    return out.getvalue()


def write_markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text; every cell is escaped here."""
    lines = [headings, ["---"] * len(headings)]
    text = [f"| {' | '.join(line)} |" for line in lines]
    text += [f"| {' | '.join(markdown_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(text) + "\n"


def write_json(document: Mapping[str, Any]) -> str:
    """One document; strings as they are, since JSON's own escapes make control characters harmless."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def write_parquet(rows: Sequence[Row], columns: dict[str, str]) -> bytes:
    """A Parquet file with exactly these columns and types."""
    out = io.BytesIO()
    rows_frame(rows, columns).to_parquet(out, engine="pyarrow", index=False)
    return out.getvalue()
