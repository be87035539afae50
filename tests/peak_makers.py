"""What do records of `bench peak` look like, and those that are held against them?"""

from __future__ import annotations

from typing import Any

from orchestrator.catalog.cost import count_network
from orchestrator.catalog.work import read_networks
from orchestrator.nouns.job import Bandwidth
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Variant
from orchestrator.nouns.workload import Mode
from tests.makers import key, provenance, timed, variant, workload

NETWORKS = read_networks()
FLOPS = count_network(NETWORKS["gemm"]).flops
GEMM = workload(network="gemm", mode=Mode.PEAK)
MIB = 2**20
HOST: dict[str, str | None] = {
    "cpu_model": "AMD EPYC",
    "cpu_vendor": "AuthenticAMD",
    "cpu_family": "25",
    "cpu_model_number": "1",
    "cpu_flags": "avx2 fma",
    "cores": "2",
    "mhz_now": "2500.0",
}
THEORY = 2 * 8 * 2 * 2.5e9  # Zen 3: two units of eight lanes


def copied(**fields: Any) -> Bandwidth:
    """1 GiB of traffic in 0.05 s at best: 20 GiB/s."""
    defaults: dict[str, Any] = {"array_bytes": 512 * MIB, "samples_s": (0.07, 0.05, 0.06), "threads": 1}
    return Bandwidth(**(defaults | {"cache_bytes": 32 * MIB} | fields))


def peak_record(block: int, seconds: float = 0.2, bandwidth: Bandwidth | None = None, **fields: Any) -> Record:
    """A valid trial of `bench peak`."""
    row: Variant = fields.pop("row", variant())
    host, image = fields.pop("host", HOST), fields.pop("image", "0123456789ab")
    source = provenance(host=host, image_digest=image)
    name = key(row.id, image, fields.get("threads", 1))  # as a real one, it depends on the image
    made = timed(row, block, seconds, **({"workload": GEMM, "provenance": source, "key": name} | fields))
    assert made.reported is not None
    assert made.reported.evidence is not None
    seen = made.reported.evidence.model_copy(update={"device": str(row.device)})
    copy = bandwidth or copied(threads=made.threads)
    answer = made.reported.model_copy(update={"parameters": 0, "bandwidth": copy, "evidence": seen})
    return made.model_copy(update={"reported": answer})


def vgg_record(block: int, seconds: float, row: Variant | None = None, **fields: Any) -> Record:
    """A valid trial of VGG-16, or of `workload`, on the same host."""
    source = provenance(host=fields.pop("host", HOST), image_digest=fields.pop("image", "0123456789ab"))
    return timed(row or variant(), block, seconds, **{"provenance": source, **fields})
