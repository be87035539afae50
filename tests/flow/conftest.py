"""The command line in an empty home."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A user with an empty home."""
    return Bench(tmp_path)
