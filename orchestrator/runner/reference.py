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

from pydantic import TypeAdapter, ValidationError

from orchestrator.engines.local.folder import private_folder, remove_orphans
from orchestrator.errors import BenchError
from orchestrator.host.owner import Life, check_life, read_owner, this_process
from orchestrator.nouns.job import Expected
from orchestrator.nouns.workload import Dtype, Mode
from orchestrator.store.folder import sync_folder

if TYPE_CHECKING:
    from orchestrator.nouns.workload import Network, Workload
    from orchestrator.runner.code import Code

# A process of its own: VGG-16 in float64 takes more than a gigabyte, which the orchestrator would keep.
PROGRAM = """
import json, sys
from workloads.expected import expected
json.dump(expected(**json.load(sys.stdin)), sys.stdout)
"""
TIMEOUT_S = 3600.0
"""The first losses of training ResNet-50 in float64 take minutes, on a busy machine many."""
TEMPORARY = ".tmp"
ANSWER = TypeAdapter(dict[str, Expected])


def read_expected(
    network: Network, workload: Workload, *, seed: int, code: Code, cache: Path, timeout_s: float = TIMEOUT_S
) -> dict[str, Expected]:
    """Output name -> what the plain numpy reference computes for the seeded weights and input, in float64.

    Computed by the code that was read when the run began, whatever its folder holds by now, and kept under `cache`,
    named by everything it depends on. Raises BenchError if the reference itself fails, or does not end.
    """
    request = {"network": network.model_dump(mode="json"), "batch": workload.batch, "seed": seed}
    if workload.mode not in {Mode.INFER, Mode.PEAK}:  # else named as before there were others
        request["mode"] = workload.mode
    if workload.dtype is not Dtype.FLOAT32:
        request["computed_in"] = workload.dtype
    text = json.dumps([request, workload.dtype, code.digest], sort_keys=True)
    path = cache / "expected" / f"{workload.id}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if (kept := _read(path)) is not None:
        return kept
    answer = _compute(json.dumps(request), code, timeout_s)
    try:
        computed = ANSWER.validate_json(answer)
    except ValidationError as error:
        raise BenchError(f"the reference of {workload.id} gave no expectations: {error.errors()[0]['msg']}") from error
    _write(path, answer)
    return computed


def remove_leftovers(cache: Path) -> list[Path]:
    """Remove what orchestrators that are dead by now did not finish; returns what was removed of the cache."""
    remove_orphans()
    removed = []
    for path in (cache / "expected").glob(f"*{TEMPORARY}"):
        owner = read_owner("/".join(path.name.split("_")[:5]))
        if check_life(owner) is Life.DEAD:
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _read(path: Path) -> dict[str, Expected] | None:
    """What is kept; None where nothing is, or what a loss of power has left of it."""
    try:
        return ANSWER.validate_json(path.read_bytes()) or None
    except (OSError, ValidationError):
        return None


def _compute(request: str, code: Code, timeout_s: float) -> str:
    with private_folder() as folder:
        (folder / "tmp").mkdir()
        for name, content in code.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM],
                input=request,
                capture_output=True,
                text=True,
                cwd=folder,  # `-c` puts the working directory first on the path
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder / "tmp")},
                check=False,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"the reference in {code.place} did not end within {timeout_s:g} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BenchError(f"the reference in {code.place} failed: {last}")
    return done.stdout


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = this_process().label.replace("/", "_")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{owner}_", suffix=TEMPORARY)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
