"""How does a launch become an outcome on this machine, without a container?"""

from __future__ import annotations

import os
import platform
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.engines.disk import Disk
from orchestrator.engines.local.folder import private_folder, remove_orphans
from orchestrator.engines.local.launcher import make_argv
from orchestrator.engines.local.process import LocalProcess
from orchestrator.engines.local.venv import build_venv, find_interpreter
from orchestrator.engines.log import LogTail
from orchestrator.engines.results import take_results
from orchestrator.engines.taxonomy import decide_end
from orchestrator.engines.watch import Interrupts, watch
from orchestrator.engines.witness import Witness
from orchestrator.errors import BuildError, NoEngineError
from orchestrator.host.canary import Calm
from orchestrator.nouns.launch import End, Observed, Outcome

if TYPE_CHECKING:
    from orchestrator.engines.taxonomy import Ending
    from orchestrator.engines.watch import Watched
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.launch import Launch
    from orchestrator.nouns.site import Site
    from orchestrator.nouns.variant import Variant

NO_CGROUP = "the local engine has no control group of its own"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class LocalEngine:
    """The default where no container engine answers. It pins CPUs and ends processes; it isolates nothing else."""

    name = "local"

    def __init__(self, site: Site, cache: Path | None = None) -> None:
        """Environments are kept under `cache`/venvs."""
        self._site = site
        self._folder = (cache or paths.cache_dir()) / "venvs"
        self._refusals: dict[str, str] = {}
        self._interrupts = Interrupts()
        self._calm = Calm()

    def check(self) -> str:
        """`local (no container), Python 3.11.7, Linux 6.1, 8 CPUs`; raises NoEngineError where it cannot work.

        Clears up what a run that was killed has left behind.
        """
        if not hasattr(os, "sched_setaffinity"):
            raise NoEngineError(f"the local engine pins processes to CPUs, which {platform.system()} does not offer")
        remove_orphans()
        cpus = len(os.sched_getaffinity(0))
        return f"local (no container), Python {platform.python_version()}, Linux {platform.release()}, {cpus} CPUs"

    def refuse(self, variant: Variant) -> str:
        """What needs an image cannot run without a container; what needs another Python needs that Python."""
        if variant.install != "pip":
            return f"install {variant.install}: the local engine makes virtual environments, of pip rows only"
        if variant.program:
            return "its C++ program is compiled in an image only"
        if variant.sdists or variant.blas_apt or variant.apt or variant.links:
            return "needs packages of a distribution, or wheels made from source: both are made in an image only"
        if variant.python not in self._refusals:
            self._refusals[variant.python] = find_interpreter(variant.python, self._site).reason
        return self._refusals[variant.python]

    def prepare(self, variant: Variant, image: Image) -> str:
        """The variant's environment, made from the image's own lock with its hashes. Raises BuildError."""
        if reason := self.refuse(variant):
            raise BuildError(f"{variant.id}: {reason}")
        return str(build_venv(variant.id, image.context, variant.python, site=self._site, folder=self._folder))

    def interrupt(self) -> None:
        """End the run in progress, and every later one at once; a second call kills."""
        self._interrupts.request()

    def close(self) -> None:
        """Nothing is held between two runs."""

    def run(self, launch: Launch) -> Outcome:
        """One process group from its start to the death of its last member."""
        begin = time.monotonic()
        if self._interrupts.count:
            observed = Observed(wall_s=0.0, overhead_s=0.0, container=False, unavailable={"cpu_s": "it never began"})
            return Outcome(end=End.INTERRUPTED, detail="stopped by the user before it began", observed=observed)
        if not (Path(launch.image) / "bin" / "python").exists():
            gone = "its virtual environment is not there any more"
            raise BuildError(f"{launch.name}: {gone}: {launch.image}", recorded=gone)
        with private_folder() as folder:
            outcome = self._run(launch, folder)
        overhead_s = max(0.0, time.monotonic() - begin - outcome.observed.wall_s)
        return outcome.model_copy(update={"observed": outcome.observed.model_copy(update={"overhead_s": overhead_s})})

    def _run(self, launch: Launch, folder: Path) -> Outcome:
        work = folder / "work"
        _lay_out(launch, work)
        started = time.monotonic()
        process, log = _start(launch, folder, work)
        watching = LocalProcess(process, memory_bytes=launch.memory_bytes, disk=Disk(work))
        witness = Witness(watching, cpus=launch.cpus, siblings=launch.siblings, gpus=launch.gpus, calm=self._calm)
        try:
            watched = watch(watching, self._interrupts, timeout_s=launch.timeout_s, started=started, look=witness.look)
        except BaseException:
            watching.reap()  # its folder is about to be removed
            raise
        finally:
            witness.close()
        # what outlived its KILL cannot be waited for, either
        status, cpu_s = watching.reap() if watched.failure is None else (0, None)
        log.join(timeout=1.0)  # somebody who left the group may hold the pipe: its thread ends with the last writer
        taken = take_results(work, launch.results)
        number = -status if status < 0 else None
        exit_code = status if status >= 0 else 128 - status
        ending = decide_end(watched, oom=watching.too_large, exit_code=exit_code, signal_number=number)
        return Outcome(
            end=ending.end,
            detail=ending.detail,
            files=taken.files,
            rejected=taken.rejected,
            log_tail=log.text(),
            observed=_observe(watching, watched, ending, cpu_s=cpu_s).model_copy(
                update={"conditions": witness.conclude()}
            ),
        )


def _lay_out(launch: Launch, work: Path) -> None:
    work.mkdir(mode=0o700)
    for name, content in launch.files.items():
        path = work / name
        if not path.resolve().is_relative_to(work.resolve()):
            raise ValueError(f"{name!r} does not stay in the working folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name in launch.executables else 0o644)


def _start(launch: Launch, folder: Path, work: Path) -> tuple[subprocess.Popen[bytes], LogTail]:
    """The process in a session of its own, and the thread that empties its pipe."""
    private = folder / "tmp"
    private.mkdir(mode=0o700)
    environment = {
        **launch.env,
        "PATH": f"{launch.image}/bin:{SYSTEM_PATH}",
        "VIRTUAL_ENV": launch.image,
        "HOME": str(private),
        "TMPDIR": str(private),
        **({"CUDA_VISIBLE_DEVICES": ",".join(launch.gpus)} if launch.gpus else {}),
    }
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        process = subprocess.Popen(
            make_argv(launch, os.getpid()),
            cwd=work,
            env=environment,
            stdin=subprocess.PIPE,  # for the byte that a workload waits for: see engines/witness.py
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        )
    except OSError:
        os.close(reader)
        raise
    finally:
        with suppress(OSError):
            os.close(writer)
    log = LogTail(reader)
    log.start()
    return process, log


def _observe(process: LocalProcess, watched: Watched, ending: Ending, *, cpu_s: float | None) -> Observed:
    unavailable = {"throttled_periods": NO_CGROUP, "oom_killed": "memory is polled, not limited by the kernel"}
    if process.peak_bytes is None:
        unavailable["peak_bytes"] = "it ended before its memory was read once"
    return Observed(
        wall_s=watched.wall_s,
        overhead_s=0.0,  # known once everything is cleaned up
        cpu_s=cpu_s,
        peak_bytes=process.peak_bytes,
        throttled_periods=None,
        oom_killed=True if ending.oom else None,
        exit_code=ending.exit_code,
        signal=ending.signal,
        image_id=None,
        container=False,
        unavailable=unavailable,
    )
