"""Can a record of every version that was ever released still be read?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.nouns.record import RECORD_SCHEMA
from orchestrator.store.encoding import decode_record, encode_record
from orchestrator.store.facts import COLUMNS, record_facts

# One file per schema version, never changed once it is released. A field that is new, with a default, may be absent.
GOLDEN = sorted((Path(__file__).parent / "golden").glob("record-*.json"))


def test_every_schema_has_its_golden_record() -> None:
    assert [path.name for path in GOLDEN] == [f"record-{number}.json" for number in range(1, RECORD_SCHEMA + 1)]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_record_is_read_with_its_facts(path: Path) -> None:
    record = decode_record(path.read_bytes())
    assert record.variant.id == "numpy-1.24.2-distro-openblas-golden-cpu"
    assert record.reported is not None
    assert record.reported.samples_s == (0.1,) * 10
    assert record.reported.phases_s == {"import": 0.5}
    assert record.reason == "\u00fc"
    facts = record_facts(record, file="x")
    assert list(facts) == list(COLUMNS)
    assert (facts["mapped_blas"], facts["openmp"], facts["onednn_version"]) == ("openblas", "libgomp", "3.12.0")
    assert decode_record(encode_record(record)) == record
