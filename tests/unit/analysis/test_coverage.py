"""Does the table of workloads by framework show the worst of what happened, and never hide it behind a success?"""

from __future__ import annotations

import json

from orchestrator.analysis.coverage import find_coverage
from orchestrator.nouns.record import Status
from orchestrator.report.coverage import coverage_table
from tests.makers import record, reply, timed, variant, workload

ROW = variant()
WORK = workload(network="vgg16")
OTHER = workload(network="resnet18")


def test_what_ran_has_the_worst_error_of_all_its_processes() -> None:
    far = timed(ROW, 1, 0.1, workload=WORK)
    assert far.reported is not None
    far = far.model_copy(update={"reported": far.reported.model_copy(update={"errors": {"logits": 3e-4}})})
    found = find_coverage([timed(ROW, 0, 0.1, workload=WORK), far])
    answer = found[ROW.id, ROW.modes[0]][WORK.id]
    assert (answer.verdict, answer.reason, answer.error) == ("valid", "", 3e-4)


def test_one_failure_at_another_number_of_threads_is_not_hidden_by_a_success() -> None:
    lacks = record(variant=ROW, workload=WORK, status=Status.WRONG, reason="off by 2", threads=2, reported=reply())
    for records in ([timed(ROW, 0, 0.1, workload=WORK), lacks], [lacks, timed(ROW, 0, 0.1, workload=WORK)]):
        answer = find_coverage(records)[ROW.id, ROW.modes[0]][WORK.id]
        assert answer.verdict == "wrong"
        assert "off by 2" in answer.reason


def test_the_table_names_errors_reasons_and_what_has_not_run() -> None:
    lacks = record(variant=ROW, workload=OTHER, status=Status.UNSUPPORTED, reason="no such | operator", reported=None)
    other = variant(blas="mkl")
    coverage = find_coverage([timed(ROW, 0, 0.1, workload=WORK), lacks, timed(other, 0, 0.1, workload=WORK)])
    text = str(coverage_table(coverage, "markdown"))
    assert "2 workloads in 2 rows and modes: 2 valid, 1 unsupported" in text
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if line.startswith("| numpy")}
    assert "| unsupported | 1e-06 |" in lines[ROW.id]
    assert "| - | 1e-06 |" in lines[other.id]
    assert "no such \\| operator" in text
    assert f"{OTHER.id}@{ROW.id}" in text
    document = json.loads(str(coverage_table(coverage, "json")))["coverage"]
    assert {(each["variant"], each["workload"], each["verdict"]) for each in document} == {
        (ROW.id, WORK.id, "valid"),
        (ROW.id, OTHER.id, "unsupported"),
        (other.id, WORK.id, "valid"),
    }
