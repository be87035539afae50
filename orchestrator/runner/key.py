"""What names a result so that equal settings have one name, and any change that may move the number gives another?"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.job import Job
    from orchestrator.nouns.plan import Cell

# Not nouns/record.py's number: how a result is written down does not move it, and what a store holds stays valid when
# that changes. What does move it, the code under workloads/, is in the key by its hash.
KEY_SCHEMA = 1


def cell_key(
    cell: Cell,
    job: Job,
    *,
    image_digest: str,
    workloads_hash: str,
    env: Mapping[str, str],
    limits: Mapping[str, int | float],
    cpu_shape: str,
    engine: str,
) -> str:
    """sha256, hex, over all that is known before the run and may change what it gives.

    Block, position and attempt stand beside it in a record. The host does not enter: it is in the record's
    provenance. Neither does what is expected of a network's output: it follows from the network, the seed and the
    code. Of a script's it is the user's word, and another word is another question.
    """
    parts = {
        "cell": cell.id,
        "job": job.model_dump(mode="json", exclude={"expected"} if job.script is None else set()),
        "image": image_digest,
        "workloads": workloads_hash,
        "env": dict(env),
        "limits": {name: float(value) for name, value in limits.items()},
        "cpus": cpu_shape,
        "engine": engine,
        "record_schema": KEY_SCHEMA,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
