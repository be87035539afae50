"""Which workloads of the user's own does bench.toml name?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.catalog.scripts import read_scripts
from orchestrator.catalog.work import read_networks
from orchestrator.host.site import read_config

if TYPE_CHECKING:
    from orchestrator.nouns.script import Script


def find_scripts() -> dict[str, Script]:
    """Name -> script, with its files as they are now. Raises SpecError for one that cannot be taken."""
    return read_scripts(read_config(pip={}).scripts, read_networks())
