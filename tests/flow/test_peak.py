"""Does `bench peak` measure the limits, resume, and let every result be held against them?"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command import Bench

FAKE = ("--frameworks", "numpy", "--engine", "fake")


def test_peaks_are_measured_once_and_shown_in_every_format(bench: Bench, tmp_path: Path) -> None:
    store = ("--store", tmp_path / "s")
    said = bench("peak", *FAKE, "--threads", "1,2", *store, "--format", "json")
    assert said.code == 0, said.err
    rows = said.json()["peaks"]
    variants = {row["variant"] for row in rows}
    assert len(rows) == 2 * len(variants)
    assert {row["threads"] for row in rows} == {1, 2}
    assert all(row["processes"] == 5 for row in rows)
    assert all(row["sgemm_low"] < row["sgemm_gflops"] < row["sgemm_high"] for row in rows)
    assert all(0 < row["copy_gb_per_s"] < 10.1 * row["threads"] for row in rows)
    for threads in (1, 2):
        assert max(row["share_of_best_sgemm"] for row in rows if row["threads"] == threads) == 1
    assert all(row["theoretical_gflops"] is None and "processors.toml" in row["reasons"] for row in rows)

    again = bench("peak", *FAKE, "--threads", "1,2", *store, "--format", "csv")
    assert "0 trials to run" in again.err
    lines = list(csv.DictReader(io.StringIO(again.out)))
    assert [float(line["sgemm_gflops"]) for line in lines] == [row["sgemm_gflops"] for row in rows]
    for form in ("table", "markdown"):
        shown = bench("peak", *FAKE, *store, "--format", form).out
        assert "numpy-1.24.2-distro-mkl-cpu" in shown
        assert "SGEMM" in shown


def test_results_are_held_against_the_peak_of_their_own_image(bench: Bench, tmp_path: Path) -> None:
    store = ("--store", tmp_path / "s")
    work = ("--workloads", "mobilenet_v1-infer-b1", "--blocks", "5")
    assert bench("matrix", *FAKE, *work, *store).code == 0
    before = bench("results", *store, "--format", "json").json()["results"]
    assert all(row["gflops"] > 0 and row["gmac"] == pytest.approx(0.5687, abs=1e-4) for row in before)
    assert all(row["share_of_sgemm"] is None and "bench peak" in row["roofline_reason"] for row in before)

    peaks = bench("peak", *FAKE, *store, "--format", "json").json()["peaks"]
    limits = {row["variant"]: row for row in peaks}
    after = bench("results", *store, "--format", "json").json()["results"]
    after = [row for row in after if row["workload"] == "mobilenet_v1-infer-b1"]
    assert len(after) == len(before)
    for row in after:
        limit = limits[row["variant"]]
        assert row["share_of_sgemm"] == pytest.approx(row["gflops"] / limit["sgemm_gflops"])
        memory = row["intensity"] < limit["ridge"]
        assert row["bound"] == ("memory-bound" if memory else "compute-bound")
        roof = min(limit["sgemm_gflops"], row["intensity"] * limit["copy_gb_per_s"])
        assert row["share_of_attainable"] == pytest.approx(row["gflops"] / roof)


def test_a_peak_is_no_comparison(bench: Bench, tmp_path: Path) -> None:
    store = ("--store", tmp_path / "s")
    assert bench("peak", *FAKE, *store, "--blocks", "5").code == 0
    assert bench("compare", "--by", "blas", *store, "--format", "json").json()["comparisons"] == []


def test_a_peak_of_other_operators_is_unsupported(bench: Bench, tmp_path: Path) -> None:
    store = ("--store", tmp_path / "s")
    work = ("--workloads", "vgg16-peak-b1", "--blocks", "1")
    assert bench("matrix", *FAKE, *work, *store).code == 0
    rows = bench("results", *store, "--format", "json").json()["results"]
    assert {row["verdict"] for row in rows} == {"unsupported"}


def test_the_plan_of_the_peaks_can_be_printed(bench: Bench) -> None:
    said = bench("peak", *FAKE, "--dry-run")
    assert said.code == 0, said.err
    assert "gemm-peak-b1@numpy-1.24.2-distro-mkl-cpu:t1" in said.out


def test_the_mode_and_the_operations_are_listed_with_the_workloads(bench: Bench) -> None:
    listed = bench("workloads", "--json").json()
    assert {suite["name"]: suite["workloads"] for suite in listed["suites"]}["peak"] == ["gemm-peak-b1"]
    macs = {network["name"]: network["macs"] for network in listed["networks"]}
    assert macs["gemm"] == 2048**3
    assert "15.47" in bench("workloads").out
