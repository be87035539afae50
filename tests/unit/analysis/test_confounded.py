"""Is a comparison refused, by name, for every single field in which two machines' states differ?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.analysis.compare import compare
from orchestrator.analysis.trials import _PASSING
from orchestrator.host.fingerprint import read_fingerprint
from orchestrator.nouns.variant import Blas
from tests.makers import provenance, timed, variant
from tests.unit.host.machines import write_machine

MKL = variant(blas=Blas.MKL)


def verdict(left: dict[str, str | None], right: dict[str, str | None]) -> str:
    sides = ((variant(), left), (MKL, right))
    records = [
        timed(row, block, 0.1, provenance=provenance(host=host, sequence=block))
        for row, host in sides
        for block in range(6)
    ]
    (item,) = compare(records, variant().id, MKL.id).items
    return str(item.verdict)


def test_each_field_of_the_fingerprint_that_differs_is_named(tmp_path: Path) -> None:
    host = read_fingerprint(write_machine(tmp_path)).values | {"cpu_model": "AMD EPYC"}  # as the evidence says
    assert not verdict(host, host).startswith("invalid")
    fields = [name for name in host if not name.startswith(_PASSING)]
    assert len(fields) >= len(host) - 2, "only what wanders by itself is passed over"
    for name in fields:
        for other in ("something else", None):
            if host[name] != other:
                assert verdict(host, host | {name: other}) == f"invalid(confounded: host.{name})"


@pytest.mark.parametrize("name", ["memory_kib", "mhz_now"])
def test_what_moves_by_itself_confounds_nothing(name: str) -> None:
    assert not verdict({"cpu_model": "AMD EPYC", name: "1"}, {"cpu_model": "AMD EPYC", name: "2"}).startswith("invalid")
