"""Do the workloads of one's own in the document run in containers of any image, and are they compared like others?"""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

import pytest

from tests.command import Bench
from tests.own import write_documented

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine

ROWS = ("numpy-2.4.6-pip-openblas-cpu", "numpy-1.24.2-distro-openblas-cpu")
"""A base with a Python of its own, and Debian's."""
PROVED = "my_product-script-b1"
"""Which brings evidence."""


@pytest.fixture
def bench(engine: DockerEngine, tmp_path: Path) -> Bench:
    """The command line, with an engine that answers, in a folder with the document's scripts."""
    assert engine.check()
    write_documented(tmp_path)
    made = Bench(tmp_path)
    made.env |= {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}
    return made


@pytest.mark.timeout(1800)  # on a new machine it builds two images
def test_every_example_runs_in_both_images_and_is_compared(bench: Bench) -> None:
    store = ("--store", bench.folder / "s")
    asked = ("--workloads", "my_*-script-b1,my_sum-script-b2", "--variants", ",".join(ROWS))
    said = bench("matrix", "--engine", "docker", "--suite", "demo", *asked, "--blocks", "1", *store, timeout=1700)
    assert said.code == 0, said.err
    rows = bench("results", *store, "--format", "json").json()["results"]
    works = {"my_sort-script-b1", "my_sum-script-b1", "my_sum-script-b2", PROVED}
    assert {(row["workload"], row["variant"]) for row in rows} == set(product(works, ROWS))
    for row in rows:
        disturbed = row["invalid"].partition(" ")[0] in {"steal", "throttled"}
        assert (row["valid"], row["failed"]) == (1, "") or disturbed, row
        assert "no-container" not in row["flags"]
        assert "partial-counters" not in row["flags"], "the host counted between ready and done"
        assert ("unproved:label" in row["flags"]) is (row["workload"] != PROVED)
        assert ("unproved:numerics" in row["flags"]) is (row["workload"] != "my_sort-script-b1")
    said = bench("compare", *ROWS, *store, "--format", "json")
    assert {each["workload"] for each in said.json()["comparisons"]} == {row["workload"] for row in rows}
    assert bench("verify", *store).code == 0
