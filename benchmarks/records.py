"""A store of many records as large as real ones: most of the bytes are outputs, then comes the host."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from orchestrator.host.fingerprint import read_fingerprint
from orchestrator.nouns.conditions import Canary, Conditions
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas, Variant
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from tests.makers import key, provenance, timed, variant

VERSIONS = 20
"""Each on two BLAS libraries, so that there is something to compare."""
OUTPUTS = 1600
"""Values of the output; 40 KB with everything else, the mean of stores that hold training beside inference."""
SAMPLES = 100


def fill_store(path: Path, count: int) -> list[float]:
    """Publish `count` records of as many blocks as it takes; the seconds that each publication took."""
    store = open_store(path, create=True)
    chance = random.Random(1)
    rows = [
        variant(version=f"1.{number}", blas=blas) for number in range(VERSIONS) for blas in (Blas.OPENBLAS, Blas.MKL)
    ]
    machine = read_fingerprint()
    host = machine.values | {"cpu_model": "AMD EPYC"}  # that of the makers' evidence
    seconds = []
    for number in range(count):
        source = provenance(host=host, host_unavailable=machine.reasons, sequence=number)
        made = make_record(rows[number % len(rows)], number // len(rows), chance, provenance=source)
        begin = time.perf_counter()
        publish_record(store, made)
        seconds.append(time.perf_counter() - begin)
    return seconds


def make_record(row: Variant, block: int, chance: random.Random, **fields: Any) -> Record:
    """A valid trial, quiet as they are where nobody else computes."""
    made = timed(row, block, 0.01, key=key(row.id), **fields)
    assert made.reported is not None
    assert made.observed is not None
    samples = tuple(chance.gauss(0.01, 1e-4) for _ in range(SAMPLES))
    outputs = {"output": tuple(chance.gauss(0, 1) for _ in range(OUTPUTS))}
    reply = made.reported.model_copy(update={"samples_s": samples, "wall_s": sum(samples), "outputs": outputs})
    window = sum(samples) + sum(reply.warmup_s)
    seen = Conditions(
        window_s=window,
        busy_s=window,
        own_s=window,
        wanted_s=window,
        foreign_s=0.001,
        steal_s=0.0,
        threads=4,
        canaries=(Canary(cpu=0, before_s=0.0118, after_s=0.0117),),
        settled_s=0.06,
        unavailable=dict.fromkeys(("frequency_before_khz", "sibling_busy_s"), "no cpufreq: the canary stands in"),
    )
    life = made.observed.model_copy(update={"conditions": seen})
    return made.model_copy(update={"reported": reply, "observed": life})
