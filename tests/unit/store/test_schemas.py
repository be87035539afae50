"""Can a record of every version that was ever released still be read, and does none of them lose what it says?"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis.summary import summarise_records
from orchestrator.nouns.record import RECORD_SCHEMA, Record, Status
from orchestrator.store.encoding import BadRecordError, decode_record, encode_record
from orchestrator.store.facts import COLUMNS, record_facts
from orchestrator.store.frame import inspect_frame, load_frame
from orchestrator.store.opening import open_store
from orchestrator.store.reading import read_records, verify_store
from orchestrator.store.upgrade import STEPS, upgrade_content
from tests.makers import record
from tests.record_files import body_of, changed, framed

# One store per schema, never changed once it is released.
GOLDEN = Path(__file__).parent / "golden"
STORES = sorted(GOLDEN.glob("schema-*"))
FILES = sorted(GOLDEN.glob("schema-*/records/*/*.json"))
# Of `Record.model_json_schema()` without its words. Another sum, and the number did not change: give RECORD_SCHEMA the
# next number, store/upgrade.py the step to it, and this folder a store of it.
SHAPES = {2: "782613b6753424181efd15957a9ab5fa8bdcfef0435dd9fd609a910f51e512c4"}


def decoded(path: Path) -> Record:
    return decode_record(path.read_bytes())


def find(store: Path, status: Status, **work: str) -> Record:
    """The golden record of a status, whose workload has these fields."""
    every = [decoded(path) for path in FILES if path.is_relative_to(store)]
    return next(
        each
        for each in every
        if each.status is status and all(getattr(each.workload, name) == value for name, value in work.items())
    )


def shape(value: Any) -> Any:
    """A JSON schema without what is only for people."""
    if isinstance(value, list):
        return [shape(each) for each in value]
    if not isinstance(value, dict):
        return value
    words = {"title", "description"}
    return {name: shape(each) for name, each in value.items() if name not in words or not isinstance(each, str)}


def test_a_change_of_a_field_changes_the_number() -> None:
    text = json.dumps(shape(Record.model_json_schema()), sort_keys=True)
    assert SHAPES[RECORD_SCHEMA] == hashlib.sha256(text.encode()).hexdigest()


def test_every_schema_has_its_golden_store_and_its_step() -> None:
    assert [path.name for path in STORES] == [f"schema-{number}" for number in range(1, RECORD_SCHEMA + 1)]
    assert sorted(STEPS) == list(range(1, RECORD_SCHEMA))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[2].name}-{path.name[:8]}")
def test_a_golden_record_is_read_with_its_facts(path: Path) -> None:
    made = decoded(path)
    assert made.record_schema == RECORD_SCHEMA
    assert made.unknown == ()
    assert list(record_facts(made, file="x")) == list(COLUMNS)
    assert decode_record(encode_record(made)) == made
    before, after = json.loads(path.read_bytes())["record"], json.loads(encode_record(made))["record"]
    assert holds(after, before | {"record_schema": RECORD_SCHEMA})


def holds(whole: Any, part: Any) -> bool:
    """Whether everything in `part` is in `whole`, where it was and as it was."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and holds(whole[name], part[name]) for name in part)
    return bool(whole == part)


@pytest.mark.parametrize("golden", STORES, ids=lambda path: path.name)
def test_a_golden_store_opens_as_a_whole(golden: Path, tmp_path: Path) -> None:
    shutil.copytree(golden, tmp_path / "s")  # reading writes an index
    store = open_store(tmp_path / "s")
    records, problems = read_records(store)
    assert problems == []
    assert len(records) == len(list(golden.glob("records/*/*.json"))) == 13
    assert verify_store(store).problems == ()
    frame, problems = load_frame(store)
    assert (problems, inspect_frame(frame)) == ([], [])
    assert len(frame) == len(records)
    assert frame["mean_s"].notna().sum() == sum(bool(each.reported and each.reported.samples_s) for each in records)
    assert sum(summary.blocks for summary in summarise_records(records)) == len(records)


@pytest.mark.parametrize("golden", STORES, ids=lambda path: path.name)
def test_every_kind_of_record_says_what_it_said(golden: Path) -> None:
    assert {Status.OOM, Status.NO_IMAGE, Status.ENGINE_LOST} < {
        decoded(path).status for path in FILES if path.is_relative_to(golden)
    }
    killed, unbuilt, lost = (find(golden, each) for each in (Status.OOM, Status.NO_IMAGE, Status.ENGINE_LOST))
    assert killed.observed is not None
    assert killed.observed.oom_killed
    assert (unbuilt.observed, unbuilt.reported) == (None, None)
    assert lost.observed is not None
    assert lost.observed.unavailable
    trained, peak = find(golden, Status.OK, mode="train"), find(golden, Status.OK, mode="peak")
    assert trained.reported is not None
    assert len(trained.reported.outputs["loss"]) > 1
    assert peak.reported is not None
    assert peak.reported.bandwidth is not None
    assert any(_gpus(decoded(path)) for path in FILES if path.is_relative_to(golden))
    oldest = find(golden, Status.OK, network="vgg16")
    assert oldest.reported is not None
    assert oldest.reported.samples_s == (0.1,) * 10
    facts = record_facts(oldest, file="x")
    assert (facts["mapped_blas"], facts["openmp"], facts["onednn_version"]) == ("openblas", "libgomp", "3.12.0")


def _gpus(made: Record) -> bool:
    return made.observed is not None and made.observed.conditions is not None and bool(made.observed.conditions.gpus)


def test_a_step_is_pure() -> None:
    before = {"record_schema": 1, "nested": {"a": [1]}}
    kept = json.loads(json.dumps(before))
    assert upgrade_content(before, 1)["record_schema"] == RECORD_SCHEMA
    assert before == kept


def test_fields_without_a_name_here_are_kept_and_written_back_where_they_stood() -> None:
    content = json.loads(body_of(encode_record(record())))
    content["invention"] = {"deep": [1, 1.5, None]}
    content["variant"]["flavour"] = "new"
    content["reported"]["evidence"]["libraries"][0]["licence"] = "BSD"
    made = decode_record(framed(json.dumps(content).encode()))
    assert made.model_dump() == record().model_dump()
    assert len(made.unknown) == 3
    again = encode_record(made)
    assert json.loads(body_of(again)) == content
    assert decode_record(again) == made


def test_of_an_old_schema_too() -> None:
    content = json.loads(body_of(encode_record(record()))) | {"record_schema": 1}
    del content["provenance"]["cpu_shape"]
    content["provenance"]["site"] = "here"
    made = decode_record(framed(json.dumps(content).encode()))
    assert made.unknown == ((("provenance", "site"), "here"),)
    written = json.loads(body_of(encode_record(made)))
    assert written["provenance"]["site"] == "here"
    assert written["record_schema"] == RECORD_SCHEMA


def test_a_field_without_a_name_beside_a_wrong_one_is_damage() -> None:
    with pytest.raises(BadRecordError, match="Input should be a valid integer"):
        decode_record(changed(encode_record(record()), extra=1, block="0"))


def test_a_field_without_a_name_may_not_hold_what_is_no_number() -> None:
    with pytest.raises(BadRecordError, match="not finite"):
        decode_record(framed(body_of(changed(encode_record(record()), extra=[1])).replace(b"[1]", b"[1e999]")))
