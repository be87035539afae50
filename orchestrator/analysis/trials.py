"""Which attempt stands for each trial, and which trials were measured alike?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.validity import judge_record
from orchestrator.nouns.record import RETRIED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.analysis.findings import Validity
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record

# What may differ between two records of one machine without making them incomparable.
# memory_kib moves by boot, mhz_now by the moment
_PASSING = ("load", "uptime", "free", "available", "boot", "time", "running", "memory_kib", "mhz_now")
# Fields of the method that say when to stop or give up, not what a sample is.
_LIMITS = frozenset({"blocks", "precision", "timeout_s", "memory_bytes"})

Context = tuple[tuple[str, str], ...]
"""Name and value of everything that two numbers must share to be compared; sorted."""


@dataclass(frozen=True)
class Judged:
    """A trial's record and what was found in it."""

    record: Record
    validity: Validity

    @property
    def valid(self) -> bool:
        """Whether it may be compared."""
        return self.validity.valid

    @property
    def default_mode(self) -> str:
        """`default` for the mode that runs when nobody asks, whatever the backend calls it; else its name."""
        first = self.record.variant.modes[0] if self.record.variant.modes else "default"
        return "default" if self.record.mode == first else self.record.mode


def judge_trials(
    records: Iterable[Record],
    expected: Mapping[str, Mapping[str, Expected]] | None = None,
    limits: Limits | None = None,
) -> list[Judged]:
    """One judged record per trial: the last attempt that counts, or the last one where none does; imported ones last.

    `expected` gives what a workload's outputs must be, by workload and output name; the seed is the records'. `limits`
    says from where on a disturbance is flagged.
    """
    chosen: dict[tuple[str, int, Context], Record] = {}
    for record in records:
        name = (record.key, record.block, read_host(record))
        other = chosen.get(name)
        if other is None or _rank(record) > _rank(other):
            chosen[name] = record
    wanted = expected or {}
    return [Judged(record, judge_record(record, wanted.get(record.workload.id), limits)) for record in chosen.values()]


def read_context(record: Record) -> Context:
    """Host, engine, workload code, method and CPUs of a record: records that differ here are never pooled."""
    method = {f"method.{name}": str(value) for name, value in record.method if name not in _LIMITS}
    source = record.provenance
    fields = dict(read_host(record)) | method
    fields |= {"engine": source.engine, "workloads_hash": source.workloads_hash}
    fields["cpus"] = ",".join(str(cpu) for cpu in record.cpus)
    return tuple(sorted(fields.items()))


def differing_fields(left: Context, right: Context) -> list[str]:
    """The names of what two contexts do not share."""
    one, two = dict(left), dict(right)
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def order_of(record: Record) -> tuple[str, int]:
    """Sorts records of one store as they were made: names of runs bear a number, and no clock decides."""
    return record.provenance.run, record.provenance.sequence


def read_host(record: Record) -> Context:
    """The machine of a record: what `read_context` says of it."""
    host = record.provenance.host
    return tuple(sorted((f"host.{name}", str(value)) for name, value in host.items() if not name.startswith(_PASSING)))


def _rank(record: Record) -> tuple[bool, bool, int]:
    return record.status not in RETRIED, not record.origin, record.attempt
