"""The command line as a user has it: another process, another folder, an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Said(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """stdout, which must be one JSON document."""
        return json.loads(self.out)


class Bench:
    """Runs `bench` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        self.env = {
            key: value for key, value in os.environ.items() if not key.startswith(("BENCH_", "XDG_", "DOCKER_"))
        } | {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "200",
        }

    def argv(self, *arguments: object) -> list[str]:
        """The command of these arguments."""
        return [sys.executable, "-m", "orchestrator", *map(str, arguments)]

    def __call__(self, *arguments: object, timeout: float = 300, env: Mapping[str, str] | None = None) -> Said:
        done = subprocess.run(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.env | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """The command, still running."""
        return self._start(self.argv(*arguments))

    def start_program(self, program: str, *arguments: object) -> subprocess.Popen[str]:
        """Some lines of Python in the place of the command, still running."""
        return self._start([sys.executable, "-c", program, *map(str, arguments)])

    def end_all(self) -> None:
        """What a test that failed has left running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def _start(self, argv: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            argv,
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        self.started.append(process)
        return process
