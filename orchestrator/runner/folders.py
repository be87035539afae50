"""Which store does the user mean?"""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator import paths
from orchestrator.host.site import read_config


def find_store(named: Path | None) -> Path:
    """`--store`, then $BENCH_STORE, then `store` in bench.toml, then the user's data folder."""
    if named is not None:
        return named
    if variable := os.environ.get("BENCH_STORE"):
        return Path(variable)
    return read_config(pip={}).store or paths.default_store()  # what pip says has no bearing on it
