"""Which data sets lie in a folder, and are they what was published?"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from orchestrator import paths
from orchestrator.errors import BenchError, SpecError, UsageError
from orchestrator.nouns.dataset import DataForm

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 1800.0
"""All of them together are 500 MB, which a slow network's disk reads in minutes."""


def check_data(folder: Path, *, workloads: Path | None = None, timeout_s: float = TIMEOUT_S) -> tuple[DataForm, ...]:
    """Every form of every data set, read by the loaders that run inside the images.

    In a process of its own: the files may have come from anywhere. Raises UsageError where there is no such folder,
    BenchError where the loaders fail or do not end.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name the one that holds the files of the data sets")
    workloads = workloads or paths.workloads_dir()
    if not (workloads / "data" / "__main__.py").is_file():
        raise SpecError(f"{workloads} holds no loaders of data sets: no data/__main__.py; see BENCH_WORKLOADS")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "workloads.data", str(folder.resolve())],
            capture_output=True,
            text=True,
            cwd=workloads.parent,  # `-m` puts the working directory first on the path
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(
            f"the loaders in {workloads} did not end within {timeout_s:g} s on {folder}; is it on a disk that answers?"
        ) from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode} and said nothing"])[-1]
        raise BenchError(f"the loaders in {workloads} failed on {folder}: {last}")
    return TypeAdapter(tuple[DataForm, ...]).validate_json(done.stdout)
