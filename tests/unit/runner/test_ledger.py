"""What may a precision rest on?"""

from __future__ import annotations

import math

from orchestrator.nouns.plan import Cell
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas
from orchestrator.runner.ledger import Ledger
from tests.makers import timed, variant

ROWS = (variant(), variant(blas=Blas.MKL))


def reach(records: list[Record]) -> float:
    cells = {row.id: Cell("vgg16-infer-b1", row.id, 1, "default") for row in ROWS}
    keys = {record.key: cells[record.variant.id] for record in records}
    ledger = Ledger({cell: key for key, cell in keys.items()}, records)
    group = tuple(cells.values())
    return ledger.reach(group, before=10, precision=0.01)[group[1]].half_width


def test_records_that_were_measured_elsewhere_make_nothing_precise() -> None:
    records = [timed(row, block, 0.1 + 0.001 * (block % 3)) for row in ROWS for block in range(10)]
    assert reach(records) < 0.01
    assert reach([record.with_origin("mail.tar") for record in records]) == math.inf
