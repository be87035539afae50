"""The workloads of docs/own.md, cut from the document and made ready as it says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "own.md"
FILE = re.compile(r"`scripts/(?P<name>[\w.]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)
COMPILES = re.compile(r"`(g\+\+ [^`]+)`")


def write_documented(folder: Path) -> Path:
    """`scripts/` with every file of the document, compiled by its own command, and a bench.toml that names it."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not here: the C++ example cannot be compiled")
    text = DOCUMENT.read_text(encoding="utf-8")
    scripts = folder / "scripts"
    scripts.mkdir()
    for found in FILE.finditer(text):
        (scripts / found["name"]).write_text(found["text"])
    (command,) = COMPILES.findall(text)
    subprocess.run(shlex.split(command), cwd=scripts, check=True)
    (folder / "bench.toml").write_text('scripts = ["scripts"]\n')
    return scripts
