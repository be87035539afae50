"""Does the store open as the same frame, whatever became of its index?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from orchestrator.nouns.job import OneDnnEvidence
from orchestrator.nouns.record import RECORD_SCHEMA, Record, Status
from orchestrator.nouns.variant import Blas
from orchestrator.store import index
from orchestrator.store.facts import COLUMNS
from orchestrator.store.files import Entry, read_entry
from orchestrator.store.folder import Store
from orchestrator.store.frame import inspect_frame, load_frame
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.resume import next_attempt, read_progress
from tests.makers import evidence, key, library, mkl, observed, provenance, record, reply, variant
from tests.record_files import body_of, changed, framed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def full(store: Store) -> Store:
    for block in range(4):
        publish_record(store, record(block=block))
    publish_record(store, record(block=4, status=Status.TIMEOUT, reason="600 s", observed=None))
    publish_record(store, record(block=5, status=Status.ENGINE_LOST))
    return store


def fresh_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that a load opens."""
    opened: list[str] = []

    def counted(entry: Entry) -> Record:
        opened.append(entry.name)
        return read_entry(entry)

    monkeypatch.setattr(index, "read_entry", counted)
    load_frame(store)
    return opened


def test_an_empty_store_has_the_columns_and_types_of_a_full_one(store: Store, full: Store, tmp_path: Path) -> None:
    empty, _ = load_frame(open_store(tmp_path / "empty", create=True))
    filled, _ = load_frame(full)
    assert len(empty) == 0
    assert len(filled) == 6
    assert list(empty.columns) == list(COLUMNS)
    assert (empty.dtypes == filled.dtypes).all()
    assert "object" not in set(map(str, filled.dtypes))
    assert inspect_frame(empty) == inspect_frame(filled) == []


def test_a_frame_that_breaks_the_contract_is_described() -> None:
    frame = pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in COLUMNS.items()})
    assert inspect_frame(frame) == []
    assert inspect_frame(frame.drop(columns="mean_s")) == ["column mean_s is missing"]
    assert inspect_frame(frame.astype({"block": "float64"})) == ["column block is float64, not Int64"]
    assert inspect_frame(frame.assign(more=1)) == ["column more is not in the contract"]


def test_what_a_record_does_not_say_is_missing_and_never_zero(full: Store) -> None:
    frame, _ = load_frame(full)
    failed = frame[frame["status"] == "timeout"].iloc[0]
    for name in ("mean_s", "n_samples", "busy_threads", "mapped_blas", "peak_bytes", "wall_s", "container"):
        assert failed[name] is pd.NA, name
    good = frame[frame["block"] == 0].iloc[0]
    assert good["mean_s"] == pytest.approx(0.1)
    assert good["mapped_blas"] == "openblas"
    assert good["mapped_blas_core"] == "Cooperlake"
    assert good["started_at"] == pd.Timestamp("2026-01-01", tz="UTC")


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "truncated", "another table", "of another version"])
def test_the_index_can_be_thrown_away_or_damaged(full: Store, damage: str) -> None:
    before, _ = load_frame(full)
    data = full.index.read_bytes()
    if damage == "missing":
        full.index.unlink()
    elif damage == "another table":
        pd.DataFrame({"file": ["x"], "size": [1], "mtime_ns": [1]}).to_parquet(full.index)
    elif damage == "of another version":
        table = pq.read_table(full.index)
        pq.write_table(table.replace_schema_metadata({"bench_index": "0"}), full.index)
    else:
        full.index.write_bytes({"empty": b"", "garbage": b"x" * 1000, "truncated": data[:-100]}[damage])
    after, problems = load_frame(full)
    assert problems == []
    assert_frame_equal(before, after)
    assert full.index.stat().st_size > 1000


def test_rows_of_records_that_a_newer_version_indexed_are_not_believed(full: Store) -> None:
    load_frame(full)
    path = next(full.records.rglob("*.json"))
    path.write_bytes(changed(path.read_bytes(), record_schema=RECORD_SCHEMA + 1))
    state = path.stat()
    table = pq.read_table(full.index)
    stamps = zip(table["file"].to_pylist(), table["size"].to_pylist(), table["mtime_ns"].to_pylist(), strict=True)
    known = [
        (state.st_size, state.st_mtime_ns) if file.endswith(path.name) else (size, when) for file, size, when in stamps
    ]
    for number, name in enumerate(("size", "mtime_ns")):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(name), [[each[number] for each in known]])
    newer = {"bench_index": f"{index.INDEX_SCHEMA}.{RECORD_SCHEMA + 1}"}
    pq.write_table(table.replace_schema_metadata(newer), full.index)
    frame, problems = load_frame(full)
    assert len(frame) == 5
    assert [(each.path, each.kind) for each in problems] == [(path, "newer")]


def test_a_crash_while_the_index_is_written_leaves_the_old_one(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> NoReturn:
        raise OSError(28, "No space left on device")

    load_frame(full)
    old = full.index.read_bytes()
    publish_record(full, record(block=9))
    monkeypatch.setattr(Path, "replace", fails)
    frame, _ = load_frame(full)
    assert len(frame) == 7
    assert full.index.read_bytes() == old
    assert [each.name for each in full.index.parent.iterdir()] == ["records.parquet"]


def test_only_files_that_the_index_lacks_are_opened(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(fresh_rows(full, monkeypatch)) == 6
    assert fresh_rows(full, monkeypatch) == []
    path = publish_record(full, record(block=7)).path
    assert fresh_rows(full, monkeypatch) == [f"{path.parent.name}/{path.name}"]


def test_a_file_that_went_or_changed_is_noticed(full: Store) -> None:
    load_frame(full)
    paths = sorted(full.records.rglob("*.json"))
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-1])
    frame, problems = load_frame(full)
    assert len(frame) == 4
    assert [problem.path for problem in problems] == [paths[1]]
    os.utime(paths[2], ns=(1, 1))
    assert len(load_frame(full)[0]) == 4


def test_rows_are_ordered_by_run_and_sequence(store: Store) -> None:
    for sequence, block in enumerate((3, 1, 2)):
        publish_record(store, record(block=block, provenance=provenance(sequence=sequence)))
    frame, _ = load_frame(store)
    assert list(frame["block"]) == [3, 1, 2]


def columns(store: Store, *names: str) -> list[list[object]]:
    """The values of some columns, read from the records and then, the same, from the index."""
    first, _ = load_frame(store)
    again, _ = load_frame(store)
    assert_frame_equal(first, again)
    assert inspect_frame(first) == []
    return [first[name].tolist() for name in names]


def test_a_number_is_never_rounded_and_never_left_out_in_silence(store: Store) -> None:
    large = (2**53 + 1, None, -(2**53) - 1, 2**63 - 1)
    for block, value in enumerate(large):
        publish_record(store, record(block=block, observed=observed(peak_bytes=value)))
    beyond = [
        publish_record(store, record(block=4, observed=observed(peak_bytes=2**63))).path,
        publish_record(store, record(block=5, position=2**70)).path,
        publish_record(store, record(block=6, provenance=provenance(sequence=-(2**63) - 1))).path,
    ]
    _, problems = load_frame(store)
    assert {each.path for each in problems} == set(beyond)
    assert all("beyond 64 bits" in each.reason and each.kind == "damaged" for each in problems)
    assert columns(store, "peak_bytes") == [[value if value is not None else pd.NA for value in large]]


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01T00:00:00+14:00", "1600-01-01", "9999-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_does_not_spoil_the_others(store: Store, moment: str) -> None:
    publish_record(store, record(block=0))
    publish_record(store, record(block=1, provenance=provenance(started_at=moment, sequence=1)))
    frame, problems = load_frame(store)
    assert problems == []
    assert frame["started_at"].isna().tolist() == [False, True]


def test_whole_numbers_fractions_and_nothing_keep_the_types_of_their_columns(store: Store) -> None:
    def publish(block: int, first: str, peak: str) -> Path:
        made = record(block=block)
        path = publish_record(store, made).path
        body = body_of(path.read_bytes()).replace(b'"first_s":0.3', b'"first_s":' + first.encode(), 1)
        path.write_bytes(framed(body.replace(b'"peak_bytes":629145600', b'"peak_bytes":' + peak.encode(), 1)))
        return path

    for block, values in enumerate((("1", "1"), ("1.0", "null"), ("null", "0"), ("1.5", "1"))):
        publish(block, *values)
    assert columns(store, "first_s", "peak_bytes") == [[1.0, 1.0, pd.NA, 1.5], [1, pd.NA, 0, 1]]
    wrong = publish(4, "1", "1.0")  # no count of bytes is a fraction, and none is made of one
    assert [each.path for each in load_frame(store)[1]] == [wrong]
    assert columns(store, "first_s", "peak_bytes") == [[1.0, 1.0, pd.NA, 1.5], [1, pd.NA, 0, 1]]


def test_a_bystander_in_a_wheel_is_not_the_row_s_blas(store: Store) -> None:
    carried = library(owner="numpy", path="/x/numpy.libs/libscipy_openblas64_.so")
    seen = evidence(libraries=(mkl(), carried), onednn=OneDnnEvidence(state="off"))
    torch = variant(framework="pytorch", version="2.13.0", blas=Blas.MKL, backend="pytorch")
    publish_record(store, record(block=0, variant=torch, reported=reply(evidence=seen)))
    publish_record(store, record(block=1, reported=reply(evidence=seen)))
    frame, _ = load_frame(store)
    assert list(frame["mapped_blas"]) == ["mkl", "mkl;openblas"]


def test_a_resumed_run_repeats_what_the_infrastructure_spoiled_and_nothing_else(full: Store) -> None:
    name = record().key
    assert read_progress(full).done == {(name, block) for block in range(5)}
    assert next_attempt(full, name, 5) == 2
    assert next_attempt(full, name, 6) == 1
    publish_record(full, record(block=5, attempt=2))
    assert (name, 5) in read_progress(full).done
    publish_record(full, record(block=5, attempt=10, status=Status.INTERRUPTED))
    assert (name, 5) in read_progress(full).done
    assert next_attempt(full, name, 5) == 11
    assert next_attempt(full, key("another"), 5) == 1


def test_nothing_is_done_in_a_new_store(store: Store) -> None:
    assert read_progress(store).done == set()
