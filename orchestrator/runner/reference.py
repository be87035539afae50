"""What must the output of a workload be?"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BenchError
from orchestrator.nouns.job import Expected
from orchestrator.nouns.workload import Dtype, Mode

if TYPE_CHECKING:
    from orchestrator.nouns.workload import Network, Workload

# A process of its own: VGG-16 in float64 takes more than a gigabyte, which the orchestrator would keep.
PROGRAM = """
import json, sys
from workloads.expected import expected
json.dump(expected(**json.load(sys.stdin)), sys.stdout)
"""


def read_expected(
    network: Network, workload: Workload, *, seed: int, workloads: Path, workloads_hash: str, cache: Path
) -> dict[str, Expected]:
    """Output name -> what the plain numpy reference computes for the seeded weights and input, in float64.

    Kept under `cache`, named by everything it depends on. Raises BenchError if the reference itself fails.
    """
    request = {"network": network.model_dump(mode="json"), "batch": workload.batch, "seed": seed}
    if workload.mode not in {Mode.INFER, Mode.PEAK}:  # else named as before there were others
        request["mode"] = workload.mode
    if workload.dtype is not Dtype.FLOAT32:
        request["computed_in"] = workload.dtype
    text = json.dumps([request, workload.dtype, workloads_hash], sort_keys=True)
    path = cache / "expected" / f"{workload.id}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if path.is_file():
        answer = path.read_text(encoding="utf-8")
    else:
        answer = _compute(json.dumps(request), workloads)
        _write(path, answer)
    return {name: Expected.model_validate(value) for name, value in json.loads(answer).items()}


def _compute(request: str, workloads: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=request,
        capture_output=True,
        text=True,
        cwd=workloads.parent,  # `-c` puts the working directory first on the path
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BenchError(f"the reference in {workloads} failed: {last}")
    return done.stdout


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)
