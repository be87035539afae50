"""Is a page made of a whole store, from the command line to the file that is sent?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import StoreError
from tests.pages import read_inert

if TYPE_CHECKING:
    from tests.command import Bench

RUN = ("matrix", "--frameworks", "numpy", "--suite", "quick", "--blocks", "3", "--engine", "fake")


def test_a_page_of_a_whole_run_is_inert_complete_and_always_the_same(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert bench(*RUN, "--store", store).code == 0
    said = bench("report", "--store", store)
    assert said.code == 0, said.err
    assert said.out == ""
    assert "wrote report.html" in said.err
    page = read_inert((tmp_path / "report.html").read_text(encoding="utf-8"))
    rows = bench("results", "--store", store, "--format", "json").json()["results"]
    assert all(row["variant"] in page.text for row in rows)
    items = bench("compare", "--by", "blas", "--store", store, "--format", "json").json()["comparisons"]
    assert items
    for item in items:
        verdict, _, rest = item["text"].partition(" (")
        assert f"{verdict} ({rest}" in page.text or not item["time_ratio"], item["text"]
    assert str(tmp_path) not in page.text
    env = {"PYTHONHASHSEED": "7"}  # another order of every set
    assert bench("report", "--store", store, "-o", "again.html", env=env).code == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "report.html").read_bytes()


def test_a_damaged_file_is_named_on_the_page_and_a_missing_store_is_no_page(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert bench("matrix", "--frameworks", "numpy", "--workloads", "gemm-infer-b1", "--blocks", "1", "--engine", "fake",
                 "--store", store).code == 0  # fmt: skip
    torn = min(store.glob("records/*/*.json"))
    torn.write_bytes(torn.read_bytes()[:100])
    said = bench("report", "--store", store, "--title", "A & B")
    assert said.code == 0
    assert "not used: " in said.err
    page = read_inert((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.text.count("A & B") == 2
    assert "1 file of this store gave no record." in page.text
    assert re.search(rf"records/../{torn.name} damaged it is truncated", page.text)
    missing = bench("report", "--store", tmp_path / "nowhere", "-o", "none.html")
    assert missing.code == StoreError.exit_code
    assert not (tmp_path / "none.html").exists()
