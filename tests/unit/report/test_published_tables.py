"""Is everything that has to be read with a published number shown with it, in every format?"""

from __future__ import annotations

import csv
import io
import json
import random

import pandas as pd
import pytest
from rich.console import Console

from orchestrator.analysis.as_published import Worth, weigh
from orchestrator.analysis.published import Answer, set_beside
from orchestrator.analysis.trials import judge_trials
from orchestrator.catalog.rows import read_variants
from orchestrator.nouns.workload import Network
from orchestrator.published.cells import list_recreated
from orchestrator.published.tables import choose, read_published
from orchestrator.report.as_published import worth_table
from orchestrator.report.published import published_table
from orchestrator.report.published_rows import PUBLISHED_COLUMNS, WORTH_COLUMNS
from tests.makers import timed, variant, workload
from tests.unit.published.makers import NETWORKS, cells
from tests.unit.workloads.networks import read_network

PUBLISHED = read_published()
ROWS = {row.id: row for row in read_variants().variants}
OPENBLAS, ATLAS = (f"caffe-1.0.0-source-{name}-cpu" for name in ("openblas", "atlas"))


def answer(source: str = "peisuke-2018", times: float = 2.75, pattern: str = "vgg16*") -> Answer:
    """A table, with ATLAS `times` slower than OpenBLAS among our records."""
    chance = random.Random(1)
    records = [
        timed(ROWS[name], block, seconds * (1 + 0.005 * chance.uniform(-1, 1)), workload=workload())
        for name, seconds in ((OPENBLAS, 0.1), (ATLAS, 0.1 * times))
        for block in range(6)
    ]
    networks = {"vgg16": Network.model_validate(read_network("vgg16"))}
    chosen = choose(PUBLISHED, source=source, workload=pattern).numbers
    return set_beside(PUBLISHED, chosen, judge_trials(records), networks)


def worth() -> tuple[list[Worth], dict[str, str]]:
    made, left_out = list_recreated(PUBLISHED, NETWORKS, variant())
    records = cells("vgg16", 0.1) + cells("vgg16.no_fc_relu", 0.09)
    return weigh(judge_trials(records), made, variant=variant().id, networks=NETWORKS, expected={}), left_out


def drawn(table: object) -> str:
    console = Console(width=250, file=io.StringIO(), color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def text(table: object) -> str:
    assert isinstance(table, str)
    return table


def line(shown: str, label: str) -> str:
    return next(each for each in shown.splitlines() if each.strip().startswith(f"{label} "))


def test_a_row_shows_its_time_its_rate_its_ratio_ours_and_its_mistakes() -> None:
    found = line(drawn(published_table(answer())), "caffe 1.0 atlas")
    cells_of = [each.strip() for each in found.split("   ") if each.strip()]
    assert cells_of[:5] == ["caffe 1.0 atlas", "13.90 s", "13.81 s", "2.23", "4.2 caffe 1.0 openblas"]
    assert cells_of[5].startswith("[1] 2.7")
    assert "slower (95 % CI 2." in cells_of[5]
    assert cells_of[6:] == ["P1 P20"]


def test_what_stands_beside_a_row_is_explained_by_its_number() -> None:
    shown = drawn(published_table(answer()))
    assert f"[1] closest: {ATLAS} against {OPENBLAS}: the same framework and the same two libraries" in shown
    assert "not measured here" in shown
    number = line(shown, "tensorflow source 1.10.1").partition("no counterpart [")[2].partition("]")[0]
    assert f"[{number}] no counterpart: the catalogue has no TensorFlow compiled for one machine" in shown


def test_every_code_is_explained_once_below_the_table() -> None:
    shown = drawn(published_table(answer()))
    assert "every row: P15 P16 P18 P19 P22" in shown
    for code in ("P1", "P4", "P7", "P11", "P14", "P15", "P16", "P18", "P19", "P20", "P22"):
        assert sum(each.startswith(f"{code} ") for each in shown.splitlines()) == 1, code
    assert not [each for each in shown.splitlines() if each.startswith(("P2 ", "K1 ", "P21 "))]


def test_times_are_said_not_to_be_compared_and_the_rule_is_stated() -> None:
    for shown in (drawn(published_table(answer())), text(published_table(answer(), "markdown"))):
        words = " ".join(shown.split())
        assert "never compared with ours" in words
        assert "the OpenBLAS build of the same framework; else that framework's plain build" in words
        assert "mean and population standard deviation of 20 calls" in words
        assert "the order is not safe" in words


def test_the_article_of_2017_says_that_its_openblas_was_atlas() -> None:
    shown = " ".join(drawn(published_table(answer("peisuke-2017"))).split())
    assert "P21 called OpenBLAS, was ATLAS" in shown
    assert "hardware: not stated" in shown


def test_a_table_of_a_gpu_has_no_column_that_would_be_empty() -> None:
    shown = drawn(published_table(answer("dl-benchmarks", pattern="lenet-infer*")))
    assert "GFLOP/s" not in shown.partition("Reference")[0].partition("`")[0]
    assert "others at least" not in shown.partition("`")[0]
    assert "M40 cuDNN 4" in shown


def test_two_columns_of_hardware_are_one_table_each() -> None:
    shown = drawn(published_table(answer("ilkarman", pattern="imdb_gru*")))
    assert shown.count("hardware: K80 CUDA 8 cuDNN 6") == shown.count("hardware: P100 CUDA 8 cuDNN 6") == 1
    assert len([each for each in shown.splitlines() if each.strip().startswith("pytorch 2018 ")]) == 2


def test_csv_and_parquet_have_the_columns_of_the_contract_and_a_line_per_pair_of_ours() -> None:
    rows = list(csv.DictReader(io.StringIO(text(published_table(answer(), "csv")))))
    assert list(rows[0]) == list(PUBLISHED_COLUMNS)
    atlas = [row for row in rows if row["variant"] == "1.0 atlas"]
    assert [row["our_candidate"] for row in atlas] == [ATLAS, "numpy-1.24.2-distro-atlas-cpu"]
    assert float(atlas[0]["our_ratio"]) == pytest.approx(2.75, rel=0.01)
    assert (atlas[1]["our_ratio"], atlas[1]["verdict"]) == ("", "")
    assert float(atlas[0]["published_ratio"]) == pytest.approx(4.2014, rel=1e-4)
    assert {row["counterpart"] for row in rows} == {"closest", "none"}
    made = published_table(answer(), "parquet")
    assert isinstance(made, bytes)
    frame = pd.read_parquet(io.BytesIO(made), dtype_backend="numpy_nullable")
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == PUBLISHED_COLUMNS


def test_json_is_one_document_with_every_mistake_and_where_it_is_seen() -> None:
    found = json.loads(text(published_table(answer(), "json")))
    assert set(found) == {"published", "mistakes", "reference", "scope", "family"}
    codes = {code for row in found["published"] for code in row["mistakes"].split()}
    assert found["mistakes"].keys() == codes
    assert found["mistakes"]["P4"]["where"] == "tensorflow/vgg16/predict.py:34-35"
    assert found["family"] == 1


def test_a_changed_measurement_changes_what_is_shown() -> None:
    assert published_table(answer(times=2.75), "json") != published_table(answer(times=1.25), "json")
    assert "[1] 1.2" in line(drawn(published_table(answer(times=1.25))), "caffe 1.0 atlas")


def test_the_worth_of_every_mistake_is_shown_and_what_was_not_made_again_with_its_reason() -> None:
    made, left_out = worth()
    shown = drawn(worth_table(variant().id, made, left_out))
    assert f"made again on {variant().id}" in shown
    found = next(each for each in shown.splitlines() if "no ReLU after fc6" in each)
    assert "faster (95 % CI" in found
    assert found.strip().startswith("P4 ")
    assert shown.count("not measured") >= 7
    missing = [each for each in shown.splitlines() if "not re-created:" in each]
    assert len(missing) == len(left_out)
    assert missing[0].startswith("B1 ")
    assert missing.index(next(each for each in missing if each.startswith("P9 "))) < missing.index(
        next(each for each in missing if each.startswith("P11 "))
    )


def test_the_worth_can_be_had_in_every_format() -> None:
    made, left_out = worth()
    rows = list(csv.DictReader(io.StringIO(text(worth_table("v", made, left_out, "csv")))))
    assert list(rows[0]) == list(WORTH_COLUMNS)
    assert len(rows) == len(made)
    document = json.loads(text(worth_table("v", made, left_out, "json")))
    assert document["not_recreated"] == left_out
    assert {row["mistake"] for row in document["mistakes"]} == {each.recreated.mistake.code for each in made}
    assert "| P4 | VGG-16 without the ReLUs" in text(worth_table("v", made, left_out, "markdown"))
    frame = worth_table("v", made, left_out, "parquet")
    assert isinstance(frame, bytes)
    assert list(pd.read_parquet(io.BytesIO(frame)).columns) == list(WORTH_COLUMNS)
