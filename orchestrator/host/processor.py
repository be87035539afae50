"""Which processor is this, how many cores of it may be used, and at which clock does it run by its own account?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.host.topology import read_topology

if TYPE_CHECKING:
    from collections.abc import Iterator

# ours -> /proc/cpuinfo's field of the first processor
FIELDS = {"cpu_vendor": "vendor_id", "cpu_family": "cpu family", "cpu_model_number": "model", "mhz_now": "cpu MHz"}


def read_processor(root: Path = Path("/")) -> Iterator[tuple[str, str | None, str]]:
    """(name, value or None, why there is none) of what the theoretical peak depends on.

    `cores` are the physical ones that this process may use at least a thread of. `mhz_now` is what /proc/cpuinfo says
    at this moment: where there is no cpufreq, as in most virtual machines, the nominal clock.
    """
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for name, field in FIELDS.items():
        found = re.search(rf"^{field}[ \t]*:[ \t]*(\S+)", text, re.MULTILINE)
        yield name, found[1] if found else None, f"/proc/cpuinfo has no {field!r}"
    known = (root / "sys/devices/system/cpu/cpu0/topology").is_dir()
    yield "cores", str(len(read_topology(root / "sys"))) if known else None, "sysfs shows no topology"
