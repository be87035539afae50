"""How does a process get its CPUs and limits before it becomes the workload?

The program below runs in a fresh interpreter between the orchestrator and the workload: code between fork and exec
of the orchestrator itself would run beside its threads, and may deadlock.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.nouns.launch import Launch

PROGRAM = """
import ctypes, os, resource, signal, sys
parent, cpus, file_bytes, argv = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
# the workload does not outlive an orchestrator that was killed
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != parent:
    os._exit(137)
os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
allowed = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
file_bytes = file_bytes if allowed == resource.RLIM_INFINITY else min(file_bytes, allowed)
resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
os.umask(0o077)
try:
    os.execvpe(argv[0], argv, os.environ)
except OSError as error:
    os.write(2, f"{argv[0]}: {error.strerror}\\n".encode())
    os._exit(127)
"""


def make_argv(launch: Launch, parent: int) -> list[str]:
    """The interpreter's own command line around the launch's; `parent` is the process that must stay alive."""
    cpus = ",".join(str(cpu) for cpu in launch.cpus)
    return [sys.executable, "-I", "-S", "-c", PROGRAM, str(parent), cpus, str(launch.file_bytes), *launch.argv]
