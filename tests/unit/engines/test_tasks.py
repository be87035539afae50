"""Are a process's threads counted together, and is a thread that ended left out?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engines.tasks import Tasks, read_names, read_tasks
from tests.unit.engines.test_cgroup import write

if TYPE_CHECKING:
    from pathlib import Path

STATUS = "Name:\tx\nvoluntary_ctxt_switches:\t{0}\nnonvoluntary_ctxt_switches:\t{1}\n"


def task(ran: int, waited: int, *, switches: tuple[int, int], migrations: int) -> dict[str, str]:
    return {
        "schedstat": f"{ran} {waited} 5\n",
        "status": STATUS.format(*switches),
        "sched": f"x (1, #threads: 1)\nse.nr_migrations                 :        {migrations}\n",
    }


def lay(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in files.items()}


def test_threads_of_all_processes_are_summed(tmp_path: Path) -> None:
    files = lay("7/task/7", task(1_000_000_000, 500_000_000, switches=(3, 4), migrations=1))
    files |= lay("7/task/8", task(2_000_000_000, 0, switches=(10, 20), migrations=2))
    files |= lay("9/task/9", task(0, 250_000_000, switches=(0, 1), migrations=0))
    files |= {
        "7/stat": "7 (a) b) S 1 7 7 0 -1 4194560 900 0 5 0 1 2 0 0\n",
        "9/stat": "9 (x) R 1 9 9 0 -1 0 1 0 6 0 0 0 0",
    }
    write(tmp_path, files)
    assert read_tasks((7, 9, 11), tmp_path) == Tasks(
        threads=3, cpu_s=0.03, ran_s=3.0, waited_s=0.75, voluntary=13, involuntary=25, migrations=3, major_faults=11
    )


def test_a_kernel_that_keeps_no_such_files_gives_none(tmp_path: Path) -> None:
    write(tmp_path, {"7/task/7/comm": "x\n"})
    assert read_tasks((7,), tmp_path) == Tasks(1, None, None, None, None, None, None, None)


def test_a_name_is_the_main_threads(tmp_path: Path) -> None:
    write(tmp_path, {"7/comm": "bench:ready\n", "8/comm": "tini\n"})
    assert read_names((7, 8, 9), tmp_path) == {7: "bench:ready", 8: "tini"}
