"""Do tables of peaks and of shares say what was found, in every format, and what is not known?"""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest
from rich.console import Console

from orchestrator.analysis.peaks import Peak, find_peaks
from orchestrator.analysis.roofline import place_summaries
from orchestrator.analysis.summary import summarise_records
from orchestrator.nouns.variant import Blas
from orchestrator.report.peaks import PEAK_COLUMNS, peaks_table
from orchestrator.report.rates import show_giga, show_range, show_share
from orchestrator.report.rows import RESULT_COLUMNS
from orchestrator.report.tables import results_table
from tests.makers import variant
from tests.peak_makers import FLOPS, NETWORKS, THEORY, peak_record, vgg_record

MKL = variant(blas=Blas.MKL)
RECORDS = [
    *(peak_record(block, seconds) for block, seconds in enumerate((0.20, 0.21, 0.22))),
    *(peak_record(block, seconds, row=MKL) for block, seconds in enumerate((0.30, 0.31, 0.32))),
    *(vgg_record(block, seconds, MKL) for block, seconds in enumerate((1.0, 1.1, 1.2))),
]


def peaks() -> list[Peak]:
    return find_peaks(RECORDS, NETWORKS)


def text(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    console = Console(width=220, file=io.StringIO(), color_system=None)
    console.print(answer)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def results(form: str) -> object:
    summaries = summarise_records(RECORDS)
    return results_table(summaries, form, place_summaries(summaries, RECORDS, NETWORKS))


def test_json_and_csv_hold_the_same_numbers_in_full() -> None:
    rows = json.loads(text(peaks_table(peaks(), "json")))["peaks"]
    lines = list(csv.DictReader(io.StringIO(text(peaks_table(peaks(), "csv")))))
    assert [list(row) for row in rows] == [list(PEAK_COLUMNS)] * 2
    assert [list(line) for line in lines] == [list(PEAK_COLUMNS)] * 2
    fast, slow = rows
    assert fast["sgemm_gflops"] == pytest.approx(sum(FLOPS / seconds for seconds in (0.20, 0.21, 0.22)) / 3 / 1e9)
    assert [float(line["sgemm_gflops"]) for line in lines] == [fast["sgemm_gflops"], slow["sgemm_gflops"]]
    assert (fast["share_of_best_sgemm"], fast["theoretical_gflops"]) == (1, THEORY / 1e9)
    assert slow["share_of_best_sgemm"] == pytest.approx(slow["sgemm_gflops"] / fast["sgemm_gflops"])
    assert slow["share_of_theoretical"] == pytest.approx(slow["sgemm_gflops"] * 1e9 / THEORY)
    assert slow["ridge"] == pytest.approx(slow["sgemm_gflops"] / slow["copy_gb_per_s"])
    assert (slow["mapped_blas"], slow["processes"]) == ("mkl 2020.4", 3)


def test_parquet_has_the_columns_and_types_full_or_empty() -> None:
    for found in (peaks(), []):
        answer = peaks_table(found, "parquet")
        assert isinstance(answer, bytes)
        frame = pd.read_parquet(io.BytesIO(answer))
        assert list(frame.columns) == list(PEAK_COLUMNS)
        assert len(frame) == len(found)


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_people_see_rates_intervals_shares_and_where_the_theory_comes_from(form: str) -> None:
    shown = text(peaks_table(peaks(), form))
    for words in (variant().id, MKL.id, "mkl 2020.4", "100 %", "AMD EPYC, engine docker, 1 thread", "Zen 3", "21.5"):
        assert words in shown, words
    assert "bench peak measures them" in text(peaks_table([], form))


def test_hostile_facts_do_not_steer_the_terminal() -> None:
    peak = peaks()[0]
    hostile = Peak(peak.seat, {"BLAS": "\x1b]0;owned\x07[red]x"}, None, None, peak.theory, ("\x1b[31mwhy",))
    shown = text(peaks_table([hostile]))
    assert "\x1b" not in shown
    assert "[red]x" in shown
    assert "why" in shown


def test_results_have_a_place_beside_their_time_in_every_format() -> None:
    rows = json.loads(text(results("json")))["results"]
    assert list(rows[0]) == list(RESULT_COLUMNS)
    vgg = next(row for row in rows if row["workload"] == "vgg16-infer-b1")
    assert vgg["gmac"] == pytest.approx(15.47, abs=0.01)
    assert vgg["gflops"] == pytest.approx(2 * vgg["gmac"] / vgg["mean_s"])
    assert vgg["gflops_low"] < vgg["gflops"] < vgg["gflops_high"]
    assert (vgg["bound"], vgg["unfused_bound"]) == ("compute-bound", "compute-bound")
    share = f"({show_share(vgg['share_of_sgemm'])})"
    for form in ("table", "markdown"):
        shown = text(results(form))
        assert f"{show_giga(vgg['gflops'] * 1e9)} {share}".replace("(", "").split()[0] in shown
        assert share in shown
        assert "vgg16-infer-b1, 1 thread: share of what the machine can do" in shown
        assert "55.8 (39.5)" in shown  # FLOP per byte
    frame = pd.read_parquet(io.BytesIO(results("parquet")))  # type: ignore[arg-type]
    assert frame["share_of_sgemm"].notna().all()


def test_without_places_the_columns_are_there_and_empty() -> None:
    rows = json.loads(text(results_table(summarise_records(RECORDS), "json")))["results"]
    assert {row["gflops"] for row in rows} == {None}
    assert "share of what" not in text(results_table(summarise_records(RECORDS), "table"))


@pytest.mark.parametrize(
    ("rate", "half", "shown"),
    [
        (160.26e9, None, "160"),
        (5.125e9, None, "5.12"),
        (160.26e9, 0.3e9, "160.26"),
        (160.26e9, 21e9, "160"),
        (0.0, None, "0"),
        (None, None, "-"),
        (float("inf"), None, "-"),
    ],
)
def test_a_rate_has_the_figures_that_its_interval_allows(rate: float | None, half: float | None, shown: str) -> None:
    assert show_giga(rate, half_width=half) == shown


def test_shares_and_ranges_are_short() -> None:
    assert [show_share(each) for each in (None, 0.034, 0.5849, 1.06)] == ["-", "3.4 %", "58 %", "106 %"]
    assert show_range(158.2e9, 162.4e9) == "158.2-162.4"
    assert show_range(158.2e9, None) == "-"
