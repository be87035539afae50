"""Where are the data that travel with the tool, the user's configuration, the store and the caches?"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CONFIG_NAME = "bench.toml"


def data_root() -> Path:
    """The folder that holds `images/` and `workloads/`: beside this package in a checkout, inside it in a wheel."""
    inside = PACKAGE / "_data"
    return inside if inside.is_dir() else PACKAGE.parent


def images_dir() -> Path:
    """`templates/`, `variants/`, `locks/`; `BENCH_IMAGES` names another such folder."""
    return Path(os.environ.get("BENCH_IMAGES") or data_root() / "images")


def workloads_dir() -> Path:
    """The code that travels into every container; `BENCH_WORKLOADS` names another such folder."""
    return Path(os.environ.get("BENCH_WORKLOADS") or data_root() / "workloads")


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "bench"


def cache_dir() -> Path:
    """Virtual environments of the local engine, reference outputs, build logs: all of it can be thrown away."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def default_store() -> Path:
    """The store where neither option, environment nor configuration names one."""
    return _xdg("XDG_DATA_HOME", ".local/share") / "store"


def find_config(start: Path) -> Path | None:
    """`BENCH_CONFIG`, or the nearest `bench.toml` from `start` upwards, or the user's own; None where there is none."""
    if named := os.environ.get("BENCH_CONFIG"):
        return Path(named)
    candidates = [folder / CONFIG_NAME for folder in (start, *start.parents)]
    candidates.append(_xdg("XDG_CONFIG_HOME", ".config") / CONFIG_NAME)
    return next((path for path in candidates if path.is_file()), None)
