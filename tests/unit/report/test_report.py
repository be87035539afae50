"""Is every format complete, typed, and harmless whatever a record says?"""

from __future__ import annotations

import csv
import io
import json
import random

import pandas as pd
import pytest
from rich.console import Console

from orchestrator.analysis.axes import compare_by
from orchestrator.analysis.compare import Comparisons
from orchestrator.analysis.summary import Summary, summarise_records
from orchestrator.nouns.record import Status
from orchestrator.nouns.variant import Blas
from orchestrator.report.durations import show_duration, show_interval
from orchestrator.report.escape import clean_text, csv_text, markdown_text
from orchestrator.report.rows import COMPARISON_COLUMNS, RESULT_COLUMNS
from orchestrator.report.tables import comparisons_table, results_table
from tests.makers import record, timed, variant

# What a hostile workload could put into the reason of its failure.
HOSTILE = [
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\uff1d1+1",
    "\u2003=1",
    '=HYPERLINK("http://x","y")',
    "a|b",
    "line\nbreak | `code` *bold*",
    "<script>alert(1)</script>",
    "\x1b]0;owned\x07title",
    "\x1b]8;;http://x\x1b\\link",
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "nul\x00bel\x07",
    "\u202egnp.exe",
    "[red]markup[/red]",
    '"quoted", comma',
]


def summaries(reason: str = "600 s") -> list[Summary]:
    chance = random.Random(1)
    records = [timed(variant(), block, chance.uniform(0.099, 0.101)) for block in range(5)]
    records += [
        record(variant=variant(blas=Blas.ATLAS), block=block, status=Status.ERROR, reason=reason) for block in (0, 1)
    ]
    return summarise_records(records)


def comparisons(reason: str = "600 s") -> Comparisons:
    chance = random.Random(1)
    records = [timed(variant(), block, chance.uniform(0.099, 0.101)) for block in range(5)]
    records += [timed(variant(blas=Blas.MKL), block, chance.uniform(0.079, 0.081)) for block in range(5)]
    records += [record(variant=variant(blas=Blas.ATLAS), block=0, status=Status.ERROR, reason=reason)]
    return compare_by(records, "blas")


def text_of(answer: object) -> str:
    assert isinstance(answer, str)
    return answer


def drawn(answer: object) -> str:
    console = Console(width=250, file=io.StringIO(), force_terminal=True, color_system=None, legacy_windows=False)
    console.print(answer)
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_of_a_record_is_a_formula_a_cell_too_many_or_a_command(hostile: str) -> None:
    for table in (results_table(summaries(hostile), "csv"), comparisons_table(comparisons(hostile), "csv")):
        rows = list(csv.reader(io.StringIO(text_of(table))))
        assert len({len(row) for row in rows}) == 1
        for cell in (cell for row in rows for cell in row):
            assert cell[:1] not in ("=", "+", "@") or cell == ""
            assert not cell.startswith("-") or float(cell) < 0
            assert not any(ord(letter) < 32 for letter in cell)
    for table in (
        results_table(summaries(hostile), "markdown", parts=()),
        comparisons_table(comparisons(hostile), "markdown"),
    ):
        lines = [line for line in text_of(table).splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
        assert "<" not in text_of(table)
    for answer in (results_table(summaries(hostile)), comparisons_table(comparisons(hostile))):
        shown = drawn(answer)
        assert "\x1b" not in shown
        assert not {letter for letter in shown if ord(letter) < 32 and letter != "\n"}
        assert "\u202e" not in shown
        assert "\x9b" not in shown


@pytest.mark.parametrize("hostile", HOSTILE[:10])
def test_a_cell_that_begins_a_formula_is_quoted_and_a_word_is_not(hostile: str) -> None:
    assert csv_text(hostile).startswith("'")
    assert csv_text("numpy") == "numpy"


@pytest.mark.parametrize("text", [*HOSTILE, "numpy", "", "'", "'=1", "''", " '=1", "it's", "=", "- 1", "'-'"])
def test_taking_one_quote_off_a_cell_of_csv_gives_the_text_back(text: str) -> None:
    assert csv_text(text).removeprefix("'") == clean_text(text)
    table = text_of(results_table(summaries(text), "csv"))
    reasons = [row["reasons"].removeprefix("'") for row in csv.DictReader(io.StringIO(table)) if row["reasons"]]
    assert reasons == [clean_text(f"error: {text}" if text else "error")]


def test_cleaning_keeps_what_is_harmless() -> None:
    assert clean_text("\x1b]0;owned\x07title") == "title"
    assert clean_text("\x1b[31mred\x1b[0m \u00fc \u03bcs") == "red \u00fc \u03bcs"
    assert clean_text("one\r\ntwo\tthree") == "one two three"
    assert markdown_text("a|b <i> `c`") == "a\\|b &lt;i&gt; \\`c\\`"


def test_square_brackets_are_shown_and_not_taken_for_markup() -> None:
    assert "[red]markup[/red]" in drawn(results_table(summaries("[red]markup[/red]")))


def test_numbers_in_csv_keep_their_full_precision() -> None:
    rows = list(csv.DictReader(io.StringIO(text_of(results_table(summaries(), "csv")))))
    assert list(rows[0]) == list(RESULT_COLUMNS)
    good = next(row for row in rows if row["verdict"] == "valid")
    assert float(good["mean_s"]) == next(each.mean_s for each in summaries() if each.valid)
    failed = next(row for row in rows if row["verdict"] == "error")
    assert (failed["mean_s"], failed["blocks"], failed["failed"]) == ("", "2", "error 2")
    signed = text_of(comparisons_table(comparisons(), "csv"))
    assert "'-" not in signed


def test_failures_stand_beside_how_many_there_were() -> None:
    records = [timed(variant(), block, 0.1) for block in range(7)]
    records += [record(block=block, status=Status.TIMEOUT, reason="600 s") for block in range(7, 10)]
    found = summarise_records(records)
    assert "7 of 10" in drawn(results_table(found))
    assert "vgg16-infer-b1, 1 thread: 3/10 failed: timeout 3" in drawn(results_table(found))
    assert "3/10 failed: timeout 3" in text_of(results_table(found, "markdown"))
    assert "failed:" not in drawn(results_table(summarise_records(records[:7])))


def test_json_is_one_document_with_rule_and_scope() -> None:
    results = json.loads(text_of(results_table(summaries(), "json")))
    assert [set(row) for row in results["results"]] == [set(RESULT_COLUMNS)] * 2
    found = json.loads(text_of(comparisons_table(comparisons(), "json")))
    assert [set(row) for row in found["comparisons"]] == [set(COMPARISON_COLUMNS)] * 2
    assert "openblas" in found["reference"]
    assert "this machine" in found["scope"]
    assert {row["verdict"] for row in found["comparisons"]} == {"faster", "invalid"}


def test_json_of_a_single_block_has_no_infinity() -> None:
    records = [timed(variant(), 0, 0.1), timed(variant(blas=Blas.MKL), 0, 0.2)]
    found = json.loads(text_of(comparisons_table(compare_by(records, "blas"), "json")))
    assert found["comparisons"][0]["ratio_high"] is None
    assert found["comparisons"][0]["reason"] == "n<5"


def test_parquet_has_the_columns_and_types_of_the_contract_full_or_empty() -> None:
    for made, empty, columns in (
        (results_table(summaries(), "parquet"), results_table([], "parquet"), RESULT_COLUMNS),
        (
            comparisons_table(comparisons(), "parquet"),
            comparisons_table(compare_by([], "blas"), "parquet"),
            COMPARISON_COLUMNS,
        ),
    ):
        assert isinstance(made, bytes)
        assert isinstance(empty, bytes)
        full = pd.read_parquet(io.BytesIO(made), dtype_backend="numpy_nullable")
        none = pd.read_parquet(io.BytesIO(empty), dtype_backend="numpy_nullable")
        assert {name: str(dtype) for name, dtype in full.dtypes.items()} == columns
        assert (full.dtypes == none.dtypes).all()
        assert len(full) == 2
        assert len(none) == 0


def test_the_terminal_shows_the_sentence_the_rule_and_the_scope() -> None:
    shown = " ".join(drawn(comparisons_table(comparisons())).split())
    assert "faster (95 % CI" in shown
    assert "Reference: openblas where it is present" in shown
    assert "Scope: these image builds on this machine" in shown
    markdown = text_of(comparisons_table(comparisons(), "markdown"))
    assert "Scope: these image builds on this machine" in markdown


def test_a_failure_is_shown_beside_the_results_with_its_reason() -> None:
    shown = drawn(results_table(summaries("no memory for 138 M parameters")))
    assert "0 of 2" in shown
    assert "no memory" in shown


@pytest.mark.parametrize(
    ("seconds", "half", "text"),
    [
        (None, None, "-"),
        (float("nan"), None, "-"),
        (0.012345, None, "12.35 ms"),
        (0.012345, 0.0012, "12.3 ms"),
        (0.012345, 0.00003, "12.345 ms"),
        (1.5, None, "1.500 s"),
        (123.4, 20.0, "123 s"),
        (2.5e-6, None, "2.500 us"),
        (3e-9, None, "3.000 ns"),
        (0.0, None, "0 ns"),
    ],
)
def test_a_duration_has_the_digits_that_its_uncertainty_allows(
    seconds: float | None, half: float | None, text: str
) -> None:
    assert show_duration(seconds, half_width=half) == text


def test_an_interval_is_in_one_unit() -> None:
    assert show_interval(0.00099, 0.00101) == "0.990-1.010 ms"
    assert show_interval(None, 1.0) == "-"
    assert show_interval(0.1, 0.1) == "100.0000-100.0000 ms"
