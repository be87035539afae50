"""Which code travels into a trial, and what names it?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from orchestrator import paths
from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.nouns.script import Script

SUFFIXES = {".py", ".json"}
LEFT_OUT = {"networks", "suites", "__pycache__"}
"""A job carries its own network: the others must not change what names the code."""


class Code(NamedTuple):
    """The harness and its backends as they were when the run began."""

    files: dict[str, bytes]
    """`workloads/harness.py` -> content, in the order of the names."""
    digest: str
    folder: Path | None = None
    """Where they were read; None for files that came from elsewhere."""

    @property
    def place(self) -> str:
        """For a message."""
        return str(self.folder) if self.folder else "the workloads"

    def has_changed(self) -> bool:
        """Whether the folder holds something else by now."""
        if self.folder is None:
            return False
        try:
            return read_code(self.folder).digest != self.digest
        except (OSError, SpecError):
            return True


def read_code(folder: Path | None = None) -> Code:
    """Everything of `workloads/` that runs. Read once: an edit during a run changes nothing of that run."""
    folder = folder or paths.workloads_dir()
    files = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix in SUFFIXES and not LEFT_OUT & set(inside.parts) and path.is_file():
            files[f"workloads/{inside.as_posix()}"] = path.read_bytes()
    if "workloads/__main__.py" not in files:
        raise SpecError(f"{folder} holds no workloads: there is no __main__.py in it; see BENCH_WORKLOADS")
    return Code(files, workloads_hash(files), folder)


def add_script(code: Code, script: Script) -> Code:
    """A script's own files beside the harness, whose modules it may import."""
    files = {**code.files, **script.files}
    return Code(files, workloads_hash(files))


def workloads_hash(files: Mapping[str, bytes]) -> str:
    """sha256 over names and contents, whatever their order."""
    whole = hashlib.sha256()
    for name, content in sorted(files.items()):
        whole.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()
