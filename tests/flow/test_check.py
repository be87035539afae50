"""Does `bench check` end as a continuous integration job needs it to?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from orchestrator.errors import RegressionError, StoreError, UsageError
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import read_records

if TYPE_CHECKING:
    from tests.command import Bench

ROWS = "numpy-1.24.2-distro-[mo]*"
RUN = ("matrix", "--frameworks", "numpy", "--variants", ROWS, "--workloads", "gemm-infer-b1", "--engine", "fake")


@pytest.fixture
def baseline(bench: Bench, tmp_path: Path) -> Path:
    said = bench(*RUN, "--blocks", "6", "--store", tmp_path / "baseline")
    assert said.code == 0, said.err
    return tmp_path / "baseline"


def copy(baseline: Path, target: Path, *, factor: float = 1.0, without: str = "nothing") -> Path:
    """The same records, with the samples of MKL's row `factor` times as long, and without one row."""
    store = open_store(target, create=True)
    for record in read_records(open_store(baseline))[0]:
        if without in record.variant.id:
            continue
        reply, seen = record.reported, record.observed
        assert reply is not None
        assert seen is not None
        if "mkl" in record.variant.id:
            slow = tuple(value * factor for value in reply.samples_s)
            spent = {"wall_s": (reply.wall_s or 0) * factor, "cpu_s": (reply.cpu_s or 0) * factor}
            reply = reply.model_copy(update={"samples_s": slow} | spent)
            longer = {"wall_s": seen.wall_s * factor, "cpu_s": (seen.cpu_s or 0) * factor}
            # What the host saw around the shorter region would call the longer one a lie.
            seen = seen.model_copy(update=longer | {"conditions": None})
        publish_record(store, record.model_copy(update={"reported": reply, "observed": seen}))
    return target


def test_nothing_got_slower(bench: Bench, baseline: Path, tmp_path: Path) -> None:
    now = copy(baseline, tmp_path / "now")
    said = bench("check", "--baseline", baseline, "--store", now, "--format", "json")
    assert said.code == 0, said.err
    assert set(said.json()["counts"]) == {"ok"}


def test_a_slow_cell_ends_in_an_exit_code_of_its_own(bench: Bench, baseline: Path, tmp_path: Path) -> None:
    now, junit = copy(baseline, tmp_path / "now", factor=1.1), tmp_path / "junit.xml"
    said = bench("check", "--baseline", baseline, "--store", now, "--junit", junit, "--format", "markdown")
    assert said.code == RegressionError.exit_code
    assert "1 slower" in said.err
    assert "gemm-infer-b1@numpy-1.24.2-distro-mkl-cpu:t1: slower: 1.1" in said.err
    assert said.out.startswith("| workload |")
    assert ET.parse(junit).getroot().attrib["failures"] == "1"  # noqa: S314
    allowed = bench("check", "--baseline", baseline, "--store", now, "--max-slowdown", "15%", "--format", "json")
    assert allowed.code == 0
    assert set(allowed.json()["counts"]) == {"ok"}


def test_a_missing_cell_fails_unless_that_is_allowed(bench: Bench, baseline: Path, tmp_path: Path) -> None:
    now, junit = copy(baseline, tmp_path / "now", without="mkl"), tmp_path / "junit.xml"
    assert bench("check", "--baseline", baseline, "--store", now).code == RegressionError.exit_code
    allowed = bench("check", "--baseline", baseline, "--store", now, "--allow-missing", "--junit", junit)
    assert allowed.code == 0, allowed.err
    assert ET.parse(junit).getroot()[0].attrib["skipped"] == "1"  # noqa: S314
    assert "missing" in allowed.out


def test_a_question_that_makes_no_sense_is_refused(bench: Bench, baseline: Path, tmp_path: Path) -> None:
    assert bench("check", "--baseline", baseline, "--store", baseline).code == UsageError.exit_code
    assert bench("check", "--baseline", tmp_path / "none", "--store", baseline).code == StoreError.exit_code
    now = copy(baseline, tmp_path / "now")
    said = bench("check", "--baseline", baseline, "--store", now, "--max-slowdown", "fast")
    assert said.code == UsageError.exit_code
    assert "--max-slowdown 'fast'" in said.err
    open_store(tmp_path / "empty", create=True)
    said = bench("check", "--baseline", tmp_path / "empty", "--store", now)
    assert said.code == UsageError.exit_code
    assert "holds no records" in said.err
