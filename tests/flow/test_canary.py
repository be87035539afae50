"""Where an environment cannot be made, does what this place alone knows stay out of the records and answers?"""

from __future__ import annotations

import json
from pathlib import Path

from tests.canary import Canary, say_counts, search_answers, search_files
from tests.command import Bench

NUMPY = "numpy-2.4.6-pip-openblas-cpu"


def test_a_failed_environment_tells_the_user_why_and_the_records_nothing_of_this_place(
    bench: Bench, tmp_path: Path
) -> None:
    canary, store = Canary(), tmp_path / "store"
    wheels = tmp_path / canary("folder of wheels")
    wheels.mkdir()
    certificate = tmp_path / "ca.pem"
    certificate.write_text(f"# {canary('certificate')}\n")
    (tmp_path / "bench.toml").write_text(
        f"[build]\nindex_url = {json.dumps(canary.index_url())}\nwheels = [{json.dumps(str(wheels))}]\n"
        f"extra_index_urls = [{json.dumps(canary.index_url('127.0.0.2:9'))}]\ncertificate = {str(certificate)!r}\n"
    )
    env = {"BENCH_SECRET": canary("variable"), "UV_HTTP_RETRIES": "0", "UV_TOKEN": canary("variable of uv")}
    run = ("matrix", "--engine", "local", "--variants", NUMPY, "--suite", "demo", "--workloads", "gemm-infer-b1")
    said = bench(*run, "--blocks", "1", "--store", store, env=env)
    (path,) = store.glob("records/*/*.json")
    record = json.loads(path.read_text())["record"]
    assert (record["status"], record["reason"]) == ("no-image", "its virtual environment could not be made")
    assert canary("index path") in said.err, "the user is told where it looked"
    files, leaks = search_files(canary, [store])
    answers, told = search_answers(canary, bench, store, env)
    told.pop("doctor", None)  # it shows this user this place's settings: the folders of wheels among them
    print(say_counts(canary, {"files": files, "answers": answers}, leaks | told))  # noqa: T201  (shown by `pytest -s`)
    assert (leaks, told) == ({}, {})
    assert files >= 2 and answers >= 12
    (store / "planted").write_text(canary("certificate"))
    assert search_files(canary, [store])[1], "the search itself must be able to find something"
