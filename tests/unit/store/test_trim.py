"""Does a record that was trimmed say all but its outputs, and take less room beside others?"""

from __future__ import annotations

from pathlib import Path

from orchestrator.analysis.compare import compare
from orchestrator.analysis.summary import summarise_records
from orchestrator.nouns.record import Status
from orchestrator.nouns.variant import Blas
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import read_records, read_trimmed
from tests.makers import record, timed, variant


def test_all_but_the_outputs_is_there(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s", create=True)
    rows = [variant(), variant(blas=Blas.MKL)]
    for block in range(6):
        for row, seconds in zip(rows, (0.1, 0.09), strict=True):
            publish_record(store, timed(row, block, seconds + block / 1e5))
    publish_record(store, record(block=6, status=Status.TIMEOUT, observed=None))
    whole, trimmed = read_records(store)[0], read_trimmed(store)[0]
    for one, other in zip(whole, trimmed, strict=True):
        assert one.reported is None or one.reported.outputs
        expected, found = one.model_dump(), other.model_dump()
        if one.reported is not None:
            expected["reported"]["outputs"] = {}
        assert found == expected
    assert summarise_records(trimmed) == summarise_records(whole)
    pair = rows[0].id, rows[1].id
    assert compare(trimmed, *pair).items == compare(whole, *pair).items


def test_equal_parts_are_one_object(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s", create=True)
    for block in range(3):
        publish_record(store, record(block=block))
    first, second, third = read_trimmed(store)[0]
    for other in (second, third):
        assert first.variant is other.variant
        assert first.workload is other.workload
        assert first.provenance.host is other.provenance.host
        assert first.reported is not None
        assert other.reported is not None
        assert first.reported.evidence is other.reported.evidence
