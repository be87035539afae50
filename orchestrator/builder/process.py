"""How does one image build run, and how is it stopped?"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections import deque
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from orchestrator.builder.bases import pin_options
from orchestrator.builder.events import TAIL_LINES, Built, Event, Stage
from orchestrator.builder.failures import explain_failure
from orchestrator.builder.redact import make_redaction
from orchestrator.builder.wheels import fill_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.builder.engine import Present
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.site import Site

# `#7 [build 2/4] RUN ...`: the line with which BuildKit's plain progress begins a step.
STEP = re.compile(r"^#\d+ \[(?!internal)([^\]]+)\] (.*)")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f]")
GRACE_S = 5.0


class Builds:
    """The builds of one call: whoever starts a process enters it here, so that all of them can be stopped."""

    def __init__(
        self,
        site: Site,
        *,
        wheels: dict[str, Path],
        bases: Mapping[str, Present],
        logs: Path,
        tell: Callable[[Event], None],
    ) -> None:
        self._site = site
        self._bases = bases
        self._wheels = wheels
        self._logs = logs
        self._tell = tell
        self._redact = make_redaction(site)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def build(self, image: Image) -> Built:
        """Build one image; what goes wrong with it is in the value that comes back."""
        log = self._logs / f"{image.name.replace('/', '_').replace(':', '_')}.log"
        begun = monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="bench-build-", dir=self._logs) as folder:
                argv = self._write_context(image, Path(folder))
                failure, tail = self._run(image, argv, log)
        except OSError as error:
            failure, tail = f"cannot be started: {error}", []
        seconds = monotonic() - begun
        if not failure:
            return Built(image.name, Stage.DONE, seconds, log=log)
        why = explain_failure(image.name, _read_lines(log))
        reason = "\n".join([*([] if why else tail), why or failure, f"all of the log: {log}"])
        return Built(image.name, Stage.FAILED, seconds, log=log, reason=reason)

    def stop(self) -> None:
        """End every build that runs, and let none begin: TERM to each process group, KILL to what is left."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)
        deadline = monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)

    def _write_context(self, image: Image, folder: Path) -> list[str]:
        """Lay out what the build reads, in a folder that holds nothing else; returns the command."""
        context, wheels = folder / "context", folder / "wheels"
        context.mkdir()
        wheels.mkdir()
        (context / "Dockerfile").write_text(image.dockerfile, encoding="utf-8")
        for name, text in image.context.items():
            (context / name).write_text(text, encoding="utf-8")
        fill_folder(wheels, self._wheels, image.wheel_hashes)
        argv = ["docker", "buildx", "build", "--load", "--progress=plain", "--tag", image.name]
        # Attestations would name this machine's builder, and the arguments that it was given.
        argv += ["--provenance=false", "--sbom=false"]
        argv += ["--label", f"bench.digest={image.digest}", "--build-context", f"wheels={wheels}"]
        argv += pin_options(image.base, self._bases.get(image.base))
        if self._site.certificate:
            argv += ["--secret", f"id=ca,src={self._site.certificate}"]
        if configuration := self._site.pip_configuration:
            secret = folder / "pip.conf"
            secret.touch(mode=0o600)
            secret.write_text(configuration, encoding="utf-8")
            argv += ["--secret", f"id=pip,src={secret}"]
        return [*argv, str(context)]

    def _run(self, image: Image, argv: list[str], log: Path) -> tuple[str, list[str]]:
        """Run a build to its end; returns why it failed (empty: it did not) and the last lines of its log."""
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        expired = threading.Event()
        log.touch(mode=0o600)
        with log.open("w", encoding="utf-8", buffering=1) as file:
            process = self._start(argv)
            if process is None:
                return "stopped", []

            def expire() -> None:
                expired.set()
                _signal(process, signal.SIGKILL)

            timer = threading.Timer(self._site.build_timeout_s, expire)
            timer.start()
            try:
                for raw in process.stdout or ():
                    line = self._redact(CONTROL.sub("", raw.rstrip("\n")))
                    file.write(f"{line}\n")
                    tail.append(line)
                    if step := STEP.match(line):
                        self._tell(Event(image.name, Stage.STEP, f"{step[1]} {step[2][:160]}"))
                code = process.wait()
            finally:
                timer.cancel()
                self._end(process)
        if expired.is_set():
            return f"took longer than {self._site.build_timeout_s:.0f} s and was stopped", list(tail)
        return (f"docker buildx build left with {code}" if code else ""), list(tail)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """Forget a process; one that still runs here (the log's disk is full, say) is nobody's any more."""
        if process.poll() is None:
            _signal(process, signal.SIGKILL)
        process.communicate()
        with self._lock:
            self._running.discard(process)

    def _start(self, argv: list[str]) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._stopped:
                return None
            # A session of its own: the terminal's Ctrl-C reaches us alone, and we end the whole group.
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
            return process


def _read_lines(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
