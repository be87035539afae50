"""Is every number whole on a terminal of any width, and is nothing said twice or of nothing?"""

from __future__ import annotations

import io
import random
import re
from dataclasses import replace

import pytest
from rich.console import Console

from orchestrator.analysis.axes import compare_by
from orchestrator.analysis.check import Check, check_records
from orchestrator.analysis.compare import compare
from orchestrator.analysis.history import trace_history
from orchestrator.analysis.peaks import find_peaks
from orchestrator.analysis.roofline import Place, place_summaries
from orchestrator.analysis.summary import Summary, summarise_records
from orchestrator.analysis.wording import say_number
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas
from orchestrator.report import checks, drawing, histories, peaks
from orchestrator.report.checks import check_table
from orchestrator.report.drawing import draw_results
from orchestrator.report.grid import Grid
from orchestrator.report.histories import history_table
from orchestrator.report.peaks import peaks_table
from orchestrator.report.rates import show_place
from orchestrator.report.roofs import make_roofs
from orchestrator.report.samples import make_samples
from orchestrator.report.sheets import Sheet, draw_sheets
from orchestrator.report.tables import Part, comparisons_table, results_table
from tests.makers import provenance, record, reply, timed, variant, workload
from tests.peak_makers import NETWORKS, peak_record, vgg_record

MKL = variant(blas=Blas.MKL)
WIDTHS = (60, 80, 100, 140, 200)
ROWS = [
    *(peak_record(block, seconds) for block, seconds in enumerate((0.20, 0.21, 0.22))),
    *(peak_record(block, seconds, row=MKL) for block, seconds in enumerate((0.30, 0.31, 0.32))),
    *(vgg_record(block, seconds) for block, seconds in enumerate((0.9, 1.0, 1.3))),
    *(vgg_record(block, seconds, MKL) for block, seconds in enumerate((1.0, 1.1, 1.2))),
]


def drawn(answer: object, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(answer)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return "\n".join(lines)


def placed() -> list[tuple[Summary, Place]]:
    summaries = summarise_records(ROWS)
    return list(zip(summaries, place_summaries(summaries, ROWS, NETWORKS), strict=True))


def history() -> list[Record]:
    return [
        timed(
            variant(),
            block,
            (0.12 if run >= 8 else 0.1) * (1 + 0.001 * (run % 3)) * (1 + 0.001 * block),
            provenance=provenance(run=f"r{run}", started_at=f"2026-01-{1 + run:02d}T00:00:00Z"),
        )
        for run in range(16)
        for block in range(5)
    ]


def checked() -> Check:
    chance = random.Random(1)
    base = [timed(each, block, chance.uniform(0.099, 0.101)) for each in (variant(), MKL) for block in range(6)]
    now = [timed(each, block, chance.uniform(0.119, 0.121)) for each in (variant(), MKL) for block in range(6)]
    return check_records(base, now)


def cells_of(name: str) -> tuple[object, list[str]]:
    """(what is drawn, every cell of it that has a digit)."""
    if name == "results":
        lines = [drawing._result_cells(*pair) for pair in placed()]
        return draw_results(placed()), [cell for line in lines for cell in line]
    if name in {"limits", "samples"}:
        sheets = make_roofs(placed()) if name == "limits" else make_samples([each for each, _ in placed()])
        return draw_sheets(sheets, []), _cells(sheets)
    if name == "peak":
        found = find_peaks(ROWS, NETWORKS)
        best = max(peak.sgemm.mean for peak in found if peak.sgemm)
        return peaks_table(found), _cells([peaks._make_sheet(found, best)])
    if name == "check":
        check = checked()
        return check_table(check), [cell for item in check.items for cell in checks._line(item)]
    traces = trace_history(history())
    return history_table(traces), [cell for trace in traces for line in histories._lines(trace) for cell in line]


def _cells(sheets: list[Sheet]) -> list[str]:
    return [cell for sheet in sheets for line in sheet.lines for cell in line]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["results", "limits", "samples", "peak", "check", "history"])
def test_every_number_is_whole_at_every_width(name: str, width: int) -> None:
    answer, cells = cells_of(name)
    shown = drawn(answer, width)
    numbers = [cell for cell in cells if any(letter.isdigit() for letter in cell)]
    assert len(numbers) > 6
    for cell in numbers:
        if len(cell) <= 40:
            assert re.search(rf"(?<![\w.]){re.escape(cell)}(?![\w.])", shown), (cell, shown)
        else:  # a sentence may wrap between its words, and no word of it may
            for word in cell.split():
                assert word in shown, (word, shown)


def test_what_has_no_room_stands_below_under_the_name_of_its_row() -> None:
    lines = [(f"numpy-1.24.2-{name}", "98.29 ms", "97.1-99.4 ms", "mkl 2020.4") for name in ("one", "two")]
    grid = Grid("t", ("build", "mean", "95 % CI", "computed in"), lines, right=("mean",))
    assert "computed in:" not in drawn(grid, 80)
    narrow = drawn(grid, 44).splitlines()
    place = narrow.index("  numpy-1.24.2-two")
    assert narrow[place + 1] == "      computed in: mkl 2020.4"
    assert sum("97.1-99.4 ms" in line for line in narrow) == 2


def test_a_table_that_could_only_hold_names_is_not_drawn() -> None:
    lines = [("a remark that is rather long, and longer than forty", "b" * 50 + "\n" + "c" * 50)]
    shown = drawn(Grid("Remarks", ("remark", "builds"), lines), 80)
    assert shown.count("a remark") == 1
    assert f"      builds: {'b' * 50};" in shown
    assert "c" * 50 in shown


def test_a_number_in_the_name_of_a_row_comes_with_its_heading() -> None:
    grid = Grid("t", ("workload", "thr", "mean"), [("lenet", "2", "98.29 ms")], right=("thr", "mean"), names=2)
    assert drawn(grid, 20).splitlines()[-2:] == ["  lenet, thr 2", "      mean: 98.29 ms"]


def test_a_column_of_nothing_is_dropped_and_one_that_is_constant_is_said_in_the_title() -> None:
    lines = [("a", "-", "341 (341)", "7"), ("b", "-", "341 (341)", "7")]
    shown = drawn(Grid("t", ("build", "p99", "FLOP/byte", "blocks"), lines, constant=("FLOP/byte",)), 80)
    assert "p99" not in shown
    assert shown.splitlines()[0] == "t, FLOP/byte 341 (341)"
    assert shown.count("341 (341)") == 1
    assert shown.count("7") == 2
    alone = drawn(Grid("t", ("build", "FLOP/byte"), [("a", "341 (341)")], constant=("FLOP/byte",)), 80)
    assert alone.splitlines()[0] == "t"


def test_drift_and_outliers_are_remarked_under_the_results() -> None:
    records = []
    for block in range(6):
        times = tuple(0.1 * (1.5 if number < 20 else 1.0) + 0.0001 * ((number * 7 + block) % 5) for number in range(60))
        records.append(record(block=block, reported=reply(samples_s=times, wall_s=sum(times), cpu_s=None)))
    summaries = summarise_records(records)
    assert any(remark.startswith("no steady state") for remark in summaries[0].remarks)
    places = place_summaries(summaries, records, NETWORKS)
    shown = " ".join(drawn(draw_results(list(zip(summaries, places, strict=True))), 120).split())
    assert "vgg16-infer-b1, 1 thread: no steady state" in shown


def test_a_share_of_a_peak_that_is_too_low_is_not_shown_but_explained_once() -> None:
    slow_peak = [peak_record(0, 30.0), *(vgg_record(block, seconds) for block, seconds in enumerate((0.9, 1.0)))]
    summaries = summarise_records(slow_peak)
    places = place_summaries(summaries, slow_peak, NETWORKS)
    reason = "faster than this image's own SGEMM, which rests on 1 process: bench peak measures it"
    vgg = next(place for each, place in zip(summaries, places, strict=True) if each.workload == "vgg16-infer-b1")
    assert vgg.sgemm_share is not None
    assert vgg.sgemm_share > 1.1
    assert show_place(vgg).endswith(" (-)")
    shown = " ".join(drawn(draw_results(list(zip(summaries, places, strict=True))), 200).split())
    assert shown.count(reason) == 1
    limits = make_roofs(list(zip(summaries, places, strict=True)))
    (sheet,) = [sheet for sheet in limits if sheet.title.startswith("vgg16")]
    assert reason in sheet.below
    assert sheet.lines[0][sheet.headings.index("of its SGEMM")] == "-"
    assert show_place(replace(vgg, sgemm_share=1.05)).endswith(" (105 %)")


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_a_comparison_of_nothing_says_so_and_why(form: str) -> None:
    found = compare_by([timed(variant(), 0, 0.1)], "blas")
    answer = comparisons_table(found, form)
    shown = answer if isinstance(answer, str) else drawn(answer, 80)
    assert "Nothing to compare: no two builds here differ in blas alone on a common workload." in " ".join(
        shown.split()
    )
    pair = [timed(variant(), 0, 0.1), timed(MKL, 0, 0.1, workload=workload(batch=2))]
    named = drawn(comparisons_table(compare(pair, variant().id, MKL.id)), 120)
    assert "the builds that were named have no workload in common" in named


def test_markdown_holds_the_samples_where_they_were_asked_for() -> None:
    summaries = summarise_records(ROWS)
    asked = results_table(summaries, "markdown", parts=[Part.SAMPLES])
    assert "| build | p50 | p90 | p99 |" in str(asked)
    assert "| build | p50 |" not in str(results_table(summaries, "markdown", parts=[Part.LIMITS]))


def test_one_of_a_thing_is_not_several() -> None:
    assert [say_number(1, "block"), say_number(2, "block"), say_number(0, "process")] == [
        "1 block",
        "2 blocks",
        "0 processes",
    ]
    check = check_records([timed(variant(), 0, 0.1)], [timed(variant(), 0, 0.2)])
    assert check.items[0].text.endswith("x the time (1 process against 1: no interval)")
