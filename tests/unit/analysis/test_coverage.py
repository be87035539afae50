"""Does the table of workloads by framework show the worst of what happened, and never hide it behind a success?"""

from __future__ import annotations

import json

from orchestrator.analysis.coverage import find_coverage
from orchestrator.nouns.record import Status
from orchestrator.nouns.workload import Dtype
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
    assert "vgg16-infer-b1" in text
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


def test_a_workload_in_a_narrow_type_has_a_column_and_counts_for_its_mode() -> None:
    narrow = workload(network="vgg16", dtype=Dtype.FLOAT16)
    coverage = find_coverage([timed(ROW, 0, 0.1, workload=WORK), timed(ROW, 0, 0.1, workload=narrow)])
    text = str(coverage_table(coverage, "markdown"))
    assert "vgg16-infer-b1, vgg16-infer-b1-float16" in text
    assert "| infer | 1 | 1 |" in text  # the second says of itself that it computed in float32


def test_what_older_code_could_not_do_says_nothing_of_newer_code() -> None:
    lacks = record(variant=ROW, workload=WORK, status=Status.UNSUPPORTED, reason="no such operator", reported=None)
    old = {"run": "run-0", "workloads_hash": "old"}
    lacks = lacks.model_copy(update={"provenance": lacks.provenance.model_copy(update=old)})
    now = timed(ROW, 0, 0.1, workload=WORK)
    for records in ([lacks, now], [now, lacks]):
        assert find_coverage(records)[ROW.id, ROW.modes[0]][WORK.id].verdict == "valid"


def test_training_shows_its_first_losses_and_what_it_reached() -> None:
    work = workload(network="lenet", mode="train", batch=64)
    made = timed(ROW, 0, 0.1, workload=work)
    assert made.reported is not None
    said = {"outputs": {"loss": (2.5, 1.25), "accuracy": (0.9375,)}, "errors": {"loss": 1e-5, "accuracy": 0.01}}
    made = made.model_copy(update={"reported": made.reported.model_copy(update=said)})
    coverage = find_coverage([made])
    answer = coverage[ROW.id, ROW.modes[0]][work.id]
    assert answer.error == 1e-5
    assert answer.learning is not None
    assert answer.learning.accuracy == 0.9375
    text = str(coverage_table(coverage, "markdown"))
    assert f"First losses of {work.id}" in text
    assert "| 2.50000 | 1.25000 | 0.938 |" in text.replace("  ", "")
