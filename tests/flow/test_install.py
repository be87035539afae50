"""Does an installed wheel do what a checkout does, from any folder?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
LIMIT_S = 600


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bench` of a wheel in an environment of its own."""
    folder = tmp_path_factory.mktemp("installed")
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder,
        ROOT,
    ]
    subprocess.run(build, check=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    (wheel,) = folder.glob("bench-*.whl")
    subprocess.run(
        [str(UV), "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True, timeout=LIMIT_S
    )
    install: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", folder / "venv" / "bin" / "python", wheel]
    subprocess.run(install, check=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    return folder / "venv" / "bin" / "bench"


def run(bench: Path, folder: Path, *arguments: str) -> str:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("BENCH_", "XDG_", "PYTHON"))}
    env |= {"XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        [bench, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_carries_the_catalogue_and_the_workloads(installed: Path, tmp_path: Path) -> None:
    here = subprocess.run(
        [sys.executable, "-m", "orchestrator", "variants", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run(installed, tmp_path, "variants", "--json")) == json.loads(here.stdout)
    assert "FROM debian:bookworm-slim" in run(installed, tmp_path, "render", "numpy-1.24.2-distro-mkl-cpu")


def test_the_wheel_carries_what_was_published(installed: Path, tmp_path: Path) -> None:
    rows = json.loads(run(installed, tmp_path, "published", "--format", "json"))["published"]
    assert (
        len({(row["source"], row["framework"], row["variant"], row["workload"], row["hardware"]) for row in rows})
        == 236
    )


def test_the_wheel_measures_and_answers_from_any_folder(installed: Path, tmp_path: Path) -> None:
    run(installed, tmp_path, "matrix", "--engine", "fake", "--frameworks", "numpy", "--suite", "quick")
    rows = json.loads(run(installed, tmp_path, "results", "--format", "json"))["results"]
    assert {row["workload"] for row in rows} == {"gemm-infer-b1", "mobilenet_v1-infer-b1", "vgg16-infer-b1"}
