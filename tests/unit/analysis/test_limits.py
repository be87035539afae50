"""Do a site's limits decide alike wherever a trial is judged?"""

from __future__ import annotations

import ast
from pathlib import Path

from orchestrator.analysis.history import trace_history
from orchestrator.analysis.peaks import find_peaks
from orchestrator.nouns.conditions import Conditions
from orchestrator.nouns.limits import Limits
from orchestrator.nouns.plan import Cell
from orchestrator.nouns.record import Record
from orchestrator.nouns.workload import Workload
from orchestrator.planner.cells import make_plan
from orchestrator.runner.ledger import Ledger
from tests.makers import method, observed, timed, variant
from tests.peak_makers import NETWORKS, peak_record

HOST = Path(__file__).resolve().parents[3] / "orchestrator"
LENIENT = Limits(steal_invalid=1.0)
STOLEN = Conditions(window_s=60.0, steal_s=6.0)


def stolen(made: Record) -> Record:
    """A trial of which the hypervisor took a tenth: by default it is not valid."""
    life = made.observed or observed(wall_s=60, cpu_s=None)
    return made.model_copy(update={"observed": life.model_copy(update={"conditions": STOLEN})})


def test_a_history_counts_what_the_limits_let_count() -> None:
    records = [stolen(timed(variant(), block, 0.1)) for block in range(5)]
    assert trace_history(records) == []
    assert len(trace_history(records, limits=LENIENT)) == 1


def test_a_peak_counts_what_the_limits_let_count() -> None:
    records = [stolen(peak_record(block)) for block in range(3)]
    assert [peak.sgemm for peak in find_peaks(records, NETWORKS)] == [None]
    (lenient,) = find_peaks(records, NETWORKS, limits=LENIENT)
    assert lenient.sgemm is not None
    assert lenient.sgemm.processes == 3


def test_a_precision_rests_on_the_trials_that_a_comparison_would_take() -> None:
    (cell,) = make_plan([variant()], [Workload(network="gemm")], method(), threads=(1,)).cells
    records = [stolen(timed(variant(), block, 0.1, workload=Workload(network="gemm"))) for block in range(10)]
    keys: dict[Cell, str] = {cell: records[0].key}
    assert "10 of 10 trials are not valid" in Ledger(keys, records).why_broken(cell)
    assert Ledger(keys, records, limits=LENIENT).why_broken(cell) == ""


def test_whoever_judges_passes_the_limits_on() -> None:
    trees = [(path, ast.parse(path.read_text())) for path in sorted(HOST.rglob("*.py"))]
    places = {name: place for _, tree in trees for name, place in _takers(tree).items()}
    assert {"judge_trials", "judge_record", "find_peaks", "trace_history", "Ledger", "run_selftest"} <= places.keys()
    lacking = [
        f"{path.relative_to(HOST)}:{node.lineno}: {ast.unparse(node.func)} without limits"
        for path, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (place := places.get(ast.unparse(node.func).split(".")[-1])) is not None
        and len(node.args) <= place
        and not any(keyword.arg == "limits" for keyword in node.keywords)
    ]
    assert lacking == []


def _takers(tree: ast.Module) -> dict[str, int]:
    """Whatever takes limits -> how many arguments stand before them."""
    found = {}
    for outer in tree.body:
        inner = [each for each in ast.walk(outer) if isinstance(each, ast.FunctionDef)]
        for function in inner:
            named = [*function.args.args, *function.args.kwonlyargs]
            for place, each in enumerate(named):
                if each.arg == "limits" and each.annotation and "Limits" in ast.unparse(each.annotation):
                    name = outer.name if isinstance(outer, ast.ClassDef) else function.name
                    found[name] = place if each in function.args.args else len(named)
    return found
