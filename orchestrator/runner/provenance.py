"""Which run was this, and what would it take to run it again?"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.nouns.record import Provenance

if TYPE_CHECKING:
    from orchestrator.nouns.plan import Cell
    from orchestrator.runner.setup import Setup


def make_run_id() -> str:
    """`20260101-120000-9f3c2a`: sorts by time, and two runs of one second differ."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def make_provenance(setup: Setup, cell: Cell, *, run: str, engine_line: str, sequence: int) -> Provenance:
    """Of an attempt that begins now; the image's id is known only once an engine has run it."""
    image = setup.images[cell.variant]
    return Provenance(
        run=run,
        bench=__version__,
        engine=engine_line,
        image=image.name,
        image_digest=image.digest,
        image_id=None,
        workloads_hash=setup.code_of(cell).digest,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        sequence=sequence,
        host=dict(setup.host),
        host_unavailable=dict(setup.host_unavailable),
        cpu_shape=setup.cpusets[cell.threads].shape,
    )
