"""Is a bad record set aside, named, and never fatal?"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.store.encoding import BadRecordError, decode_record, encode_record
from orchestrator.store.folder import Store
from orchestrator.store.frame import load_frame
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import read_records, read_trimmed, verify_store
from orchestrator.store.resume import next_attempt, read_progress
from tests.makers import record
from tests.record_files import body_of, changed, framed

if TYPE_CHECKING:
    from collections.abc import Callable


CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "without its last byte": lambda data: data[:-1],
    "not JSON": lambda data: b"hello",
    "JSON, but no record": lambda data: b'{"a": 1}\n',
    "pickled": lambda data: b"\x80\x04K\x01.",
    "a wrong hash": lambda data: data.replace(b'"position":0', b'"position":1'),
    "a field of another type": lambda data: changed(data, block="0"),
    "a boolean for a number": lambda data: changed(data, position=True),
    "NaN": lambda data: framed(body_of(data).replace(b"0.3,", b"NaN,", 1)),
    "1e999": lambda data: framed(body_of(data).replace(b'"first_s":0.3', b'"first_s":1e999', 1)),
    "another block's content": lambda data: encode_record(record(block=9)),
    "nested a thousand deep": lambda data: framed(b"[" * 100_000),
    "not UTF-8": lambda data: framed(body_of(data).replace(b"numpy", b"num\xff\xfe", 1)),
    "an old schema that never was": lambda data: changed(data, record_schema=0),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(tmp_path / "store", create=True)
    for block in range(20):
        assert publish_record(made, record(block=block)).problem == ""
    return made


def corrupt(store: Store, block: int, change: Callable[[bytes], bytes]) -> Path:
    path = publish_record(store, record(block=block)).path
    path.write_bytes(change(encode_record(record(block=block))))
    return path


def test_every_kind_of_damage_is_listed_and_the_good_records_are_read(store: Store) -> None:
    bad = {corrupt(store, 100 + number, change) for number, change in enumerate(CORRUPTIONS.values())}
    records, problems = read_records(store)
    assert [each.block for each in sorted(records, key=lambda each: each.block)] == list(range(20))
    assert {problem.path for problem in problems} == bad
    assert all(problem.reason and problem.kind == "damaged" for problem in problems)
    assert len(verify_store(store).damaged) == len(bad)
    frame, listed = load_frame(store)
    assert len(frame) == 20
    assert {problem.path for problem in listed} == bad


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_kind_of_damage_alone_is_found(name: str) -> None:
    good = encode_record(record())
    bad = CORRUPTIONS[name](good)
    assert bad != good
    if name == "another block's content":
        return  # sound in itself; the name of its file gives it away, as the test above shows
    with pytest.raises(BadRecordError):
        decode_record(bad)


def test_a_change_of_any_single_byte_is_found() -> None:
    good = encode_record(record())
    assert decode_record(good) == record()
    chance = random.Random(1)
    for _ in range(500):
        at, bit = chance.randrange(len(good)), 1 << chance.randrange(8)
        flipped = good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :]
        with pytest.raises(BadRecordError):
            decode_record(flipped)


def test_what_is_no_regular_file_is_neither_followed_nor_waited_for(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(encode_record(record(block=200)))
    paths = [store.records / record().key[:2] / f"{record().key}.b{number}.1.json" for number in range(200, 204)]
    paths[0].symlink_to(secret)
    os.mkfifo(paths[1])
    paths[2].mkdir()
    with paths[3].open("wb") as sparse:
        sparse.truncate(2 * 2**30)
    records, problems = read_records(store)
    assert len(records) == 20
    assert {problem.path for problem in problems} == set(paths)


def test_a_record_of_a_newer_bench_is_skipped_with_its_own_message(store: Store) -> None:
    path = corrupt(store, 300, lambda data: changed(data, record_schema=999, invention={"deep": [1]}))
    alike = corrupt(store, 301, lambda data: changed(data, record_schema=3))  # nothing but the number is new
    records, problems = read_records(store)
    assert len(records) == 20
    assert [(each.path, each.kind) for each in problems] == [(path, "newer"), (alike, "newer")]
    assert "999" in problems[0].reason
    assert verify_store(store).damaged == ()


def test_files_that_are_not_ours_are_ignored_and_listed(store: Store) -> None:
    foreign = store.records / "ab" / "notes.pkl"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_bytes(b"x")
    copy = next(store.records.rglob("*.json")).with_name("record (copy).json")
    copy.write_bytes(encode_record(record()))
    records, problems = read_records(store)
    assert len(records) == 20
    listed = {(foreign, "foreign"), (copy, "foreign")}
    for found in (problems, read_trimmed(store)[1], load_frame(store)[1], verify_store(store).problems):
        assert {(each.path, each.kind) for each in found} == listed
    for found in (load_frame(store)[1], read_progress(store).problems):  # from the index, too
        assert {(each.path, each.kind) for each in found} == listed
    assert verify_store(store).damaged == ()


def test_the_trial_of_a_damaged_record_is_run_again_under_a_new_number(store: Store) -> None:
    made = record(block=3)
    assert (made.key, 3) in read_progress(store).done
    corrupt(store, 3, lambda data: data[:-5])
    assert (made.key, 3) not in read_progress(store).done
    assert next_attempt(store, made.key, 3) == 2
