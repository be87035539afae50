"""Can somebody else's store be looked at beside one's own, and never pass for it?"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import IntegrityError, StoreError

if TYPE_CHECKING:
    from tests.command import Bench

RUN = ("matrix", "--frameworks", "numpy", "--blas", "openblas,mkl", "--workloads", "gemm-infer-b1", "--blocks", "2",
       "--engine", "fake", "--json")  # fmt: skip


def test_an_archive_is_imported_flagged_and_measured_again_all_the_same(bench: Bench, tmp_path: Path) -> None:
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    ran = bench(*RUN, "--store", theirs).json()["ran"]
    with tarfile.open(tmp_path / "mail.tar.gz", "w:gz") as archive:
        archive.add(theirs, arcname="theirs")
    said = bench("import", "mail.tar.gz", "--store", own)
    assert said.code == 0, said.err
    assert f"imported {ran} records of mail.tar.gz into {own}; 0 were there already" in said.err
    assert {path.name: path.read_bytes() for path in own.glob("records/*/*")} == {
        path.name: path.read_bytes() for path in theirs.glob("records/*/*")
    }
    rows = bench("results", "--store", own, "--format", "json").json()["results"]
    assert rows
    assert all("foreign: imported from mail.tar.gz" in row["flags"] for row in rows)
    compared = bench("compare", "--by", "blas", "--store", own, "--format", "json").json()["comparisons"]
    assert compared
    assert all("foreign" in item["flags"] for item in compared)
    assert f"{ran} sound records ({ran} of them imported), 0 damaged" in bench("verify", "--store", own).err
    # The same trials of the same builds on the same machine: only this store's own count.
    again = bench(*RUN, "--store", own).json()
    assert (again["ran"], again["already_there"]) == (ran, 0)
    assert bench(*RUN, "--store", own).json()["ran"] == 0
    rows = bench("results", "--store", own, "--format", "json").json()["results"]
    assert not any("foreign" in row["flags"] for row in rows)


def test_what_is_refused_is_named_and_the_exit_code_says_so(bench: Bench, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    assert bench(*RUN, "--store", theirs).code == 0
    torn = min(theirs.glob("records/*/*"))
    torn.write_bytes(torn.read_bytes().replace(b"gemm", b"GEMM", 1))
    said = bench("import", theirs, "--store", tmp_path / "own")
    assert said.code == IntegrityError.exit_code
    assert torn.name in said.err
    assert "its content does not match its sha256" in said.err
    assert len(list((tmp_path / "own").glob("records/*/*"))) == len(list(theirs.glob("records/*/*"))) - 1
    (tmp_path / "notes.tar").write_bytes(b"no archive")
    assert bench("import", "notes.tar", "--store", tmp_path / "own").code == IntegrityError.exit_code
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    said = bench("import", "empty.tar", "--store", tmp_path / "own")
    assert (said.code, "holds no records" in said.err) == (StoreError.exit_code, True)
    assert bench("import", "nowhere.tar", "--store", tmp_path / "own").code == StoreError.exit_code
