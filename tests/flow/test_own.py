"""Do the workloads of one's own in the document run as it says, and does a mistake in one show?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.own import write_documented

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command import Bench

ROW = "numpy-2.4.6-pip-openblas-cpu"
ALL = "my_sort-script-b1,my_sum-script-b1,my_product-script-b1"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The document's, in the user's folder."""
    return write_documented(tmp_path)


def measure(bench: Bench, workloads: str, *arguments: object, engine: str = "local") -> dict[str, Any]:
    """Workload -> row of the results."""
    store = ("--store", bench.folder / "s")
    said = bench(
        *("matrix", "--engine", engine, "--variants", ROW, "--suite", "demo", "--workloads", workloads),
        *(*arguments, *store),
        timeout=600,
    )
    assert said.code == 0, said.err
    return {row["workload"]: row for row in bench("results", *store, "--format", "json").json()["results"]}


def test_the_examples_of_the_document_run_and_what_is_not_proved_of_them_is_flagged(
    bench: Bench, scripts: Path
) -> None:
    rows = measure(bench, ALL, "--blocks", "2")
    sort, total, product = (rows[name] for name in ALL.split(","))
    for row in (sort, total, product):
        assert (row["valid"], row["reasons"]) == (2, ""), row
        assert "no-container" in row["flags"]
        assert "partial-counters" not in row["flags"], "both meet the host"
        assert "operations are not known" in row["roofline_reason"]
    assert "unproved:label" in sort["flags"] and "unproved:label" in total["flags"]
    assert "unproved:label" not in product["flags"], "it brings evidence, as a network's trial does"
    assert (product["mapped_blas"].split()[0], product["busy_threads"]) == ("openblas", "1")
    assert "unproved:numerics" in total["flags"] and "unproved:numerics" in product["flags"]
    assert "unproved:numerics" not in sort["flags"], "its file says what the output must be"
    said = bench("verify", "--store", bench.folder / "s")
    assert said.code == 0 and "6 sound records" in said.err + said.out


def test_a_script_is_listed_planned_and_named_by_its_file(bench: Bench, scripts: Path) -> None:
    listed = bench("workloads", "--json").json()["scripts"]
    assert [(each["name"], each["argv"]) for each in listed] == [
        ("my_product", ["python3", "my_product.py"]),
        ("my_sort", ["python3", "my_sort.py"]),
        ("my_sum", ["./my_sum"]),
    ]
    assert "my_sum-script-b1" in bench("workloads").out
    said = bench("matrix", "--engine", "fake", "--workloads", "my_srt-script-b1", "--variants", ROW)
    assert said.code == 3 and "did you mean 'my_sort-script-b1'" in said.err.replace("\n", " ")


def test_another_argument_is_another_result_and_the_old_one_stays(bench: Bench, scripts: Path) -> None:
    asked = ("--blocks", "1")
    measure(bench, "my_sort-script-b1", *asked, engine="fake")
    path = scripts / "my_sort.toml"
    path.write_text(path.read_text().replace("200000", "1000"))
    store = ("--store", bench.folder / "s")
    measure(bench, "my_sort-script-b1", *asked, engine="fake")
    assert len(bench("results", *store, "--format", "json").json()["results"]) == 2
    (scripts / "my_sort.py").write_text("")
    measure(bench, "my_sort-script-b1", *asked, engine="fake")
    rows = bench("results", *store, "--format", "json").json()["results"]
    assert [row["valid"] for row in rows] == [1, 1, 1], "each by itself"


def test_a_wrong_output_and_a_broken_reply_are_results_with_a_reason(bench: Bench, scripts: Path) -> None:
    path = scripts / "my_sort.toml"
    path.write_text(path.read_text().replace("values = [0.0, 1.0]", "values = [0.0, 2.0]"))
    (scripts / "no_reply.toml").write_text('argv = ["python3", "no_reply.py"]\nfiles = ["no_reply.py"]\n')
    (scripts / "no_reply.py").write_text("print('nothing to say')\n")
    rows = measure(bench, "my_sort-script-b1,no_reply-script-b1", "--blocks", "1")
    assert rows["my_sort-script-b1"]["verdict"] == "wrong"
    assert "found by the host" in rows["my_sort-script-b1"]["reasons"]
    assert rows["no_reply-script-b1"]["verdict"] == "invalid-output"
    assert "nothing to say" in rows["no_reply-script-b1"]["reasons"]


def test_a_file_that_is_not_there_is_named_before_anything_runs(bench: Bench, scripts: Path) -> None:
    (scripts / "my_sum").unlink()
    said = bench("matrix", "--engine", "fake", "--workloads", "my_sum-script-b1", "--variants", ROW)
    assert (said.code, said.out) == (4, "")
    assert "my_sum.toml: key files: my_sum: No such file" in said.err.replace("\n", " ")
