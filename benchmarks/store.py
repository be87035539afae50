"""How long do thousands of records take, and how much memory? Each look is a process of its own, as a user's is."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.records import fill_store
from benchmarks.timing import Report

REPEATS = 3
# A command of the user, or a piece of Python: then its own peak, which rusage would not give: it counts what the
# parent had when it forked.
LOAD = """
import sys, time
from pathlib import Path
import pandas, pyarrow.parquet
from orchestrator.store.frame import load_frame
from orchestrator.store.opening import open_store
store = open_store(Path(sys.argv[1]))
begin = time.perf_counter()
load_frame(store)
seconds = time.perf_counter() - begin
"""
BENCH = """
import sys, time
from orchestrator.cli.app import main
begin = time.perf_counter()
try:
    code = main()
except SystemExit as left:
    code = left.code
assert not code, code
seconds = time.perf_counter() - begin
"""
PEAK = """
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print("measured", seconds, peak, file=sys.stderr)
"""


class Look(NamedTuple):
    """What one process took."""

    seconds: float
    mib: float


def measure_store(report: Report, count: int) -> None:
    """A store of `count` records of a real size: written, indexed, loaded, and read by two commands."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        report.show("publish a record, fsync included", fill_store(path, count), 0.010)
        name = f"{count:,} records: "
        rebuilt = []
        for _ in range(REPEATS):
            (path / "index" / "records.parquet").unlink(missing_ok=True)
            rebuilt.append(_look(LOAD, path))
        _show(report, f"{name}rebuild the index", rebuilt, 10)
        _show(report, f"{name}load", [_look(LOAD, path) for _ in range(REPEATS)], 0.5)
        for arguments in (("results",), ("compare", "--by", "blas")):
            looks = [_look(BENCH, *arguments, "--store", path) for _ in range(REPEATS)]
            _show(report, f"{name}bench {' '.join(arguments)}", looks, None)


def _look(code: str, *arguments: object) -> Look:
    argv = [sys.executable, "-c", code + PEAK, *map(str, arguments)]
    done = subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds, kib = done.stderr.splitlines()[-1].split()[1:]
    return Look(float(seconds), int(kib) / 1024)


def _show(report: Report, name: str, looks: list[Look], target_s: float | None) -> None:
    report.show(name, [look.seconds for look in looks], target_s)
    report.show_size(f"{name}: most memory", max(look.mib for look in looks), 500)
