"""Does `bench history` follow a cell through many stores?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import StoreError, UsageError
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import read_records

if TYPE_CHECKING:
    from tests.command import Bench

RUN = ("matrix", "--frameworks", "numpy", "--variants", "numpy-1*-mkl-cpu", "--workloads", "gemm-infer-b1")


def test_a_step_in_the_middle_of_many_stores_is_found(bench: Bench, tmp_path: Path) -> None:
    assert bench(*RUN, "--engine", "fake", "--blocks", "5", "--store", tmp_path / "first").code == 0
    stores = []
    for number in range(12):
        stores.append(tmp_path / f"s{number}")
        store = open_store(stores[-1], create=True)
        factor = (1.2 if number >= 6 else 1.0) * (1 + 0.002 * (number % 3))
        for record in read_records(open_store(tmp_path / "first"))[0]:
            reply, seen, source = record.reported, record.observed, record.provenance
            assert reply is not None
            assert seen is not None
            slow = {"samples_s": tuple(value * factor for value in reply.samples_s), "cpu_s": None, "wall_s": None}
            life = {"wall_s": seen.wall_s * 2, "conditions": None}
            about = {"run": f"day-{number}", "started_at": f"2026-02-{1 + number:02d}T00:00:00Z"}
            changed = {
                "reported": reply.model_copy(update=slow),
                "observed": seen.model_copy(update=life),
                "provenance": source.model_copy(update=about),
            }
            publish_record(store, record.model_copy(update=changed))
    said = bench("history", *reversed(stores), "--format", "json")
    assert said.code == 0, said.err
    (found,) = said.json()["histories"]
    assert [point["run"] for point in found["points"]] == [f"day-{number}" for number in range(12)]
    assert [(change["run"], round(change["time_ratio"], 1)) for change in found["changes"]] == [("day-6", 1.2)]
    assert bench("history", *stores[1:], "--store", stores[0], "--format", "json").json() == said.json()
    table = bench("history", *stores, "--workload", "gemm*")
    assert "1 change in 12 runs" in table.out
    assert bench("history", *stores, "--variant", "*openblas*").code == UsageError.exit_code
    assert bench("history", tmp_path / "none").code == StoreError.exit_code
