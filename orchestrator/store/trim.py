"""How do ten thousand records fit into memory? Without their outputs, and with what many have in common held once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from orchestrator.nouns.base import Noun

if TYPE_CHECKING:
    from orchestrator.nouns.record import Record

Part = TypeVar("Part", bound=Noun)
Lines = TypeVar("Lines", bound=dict[str, str] | dict[str, str | None])


class Trimmer:
    """Trims records one after the other, and remembers the parts that come again and again."""

    def __init__(self) -> None:
        self._parts: dict[tuple[type, str], Noun] = {}
        self._lines: dict[tuple[tuple[str, str | None], ...], dict[str, str] | dict[str, str | None]] = {}

    def trim(self, record: Record) -> Record:
        """The record without `reported.outputs`, most of its bytes; parts that are equal are one object.

        For reading only: published, it would have lost what it lacks.
        """
        reply, source = record.reported, record.provenance
        if reply is not None:
            evidence = self._share_part(reply.evidence) if reply.evidence is not None else None
            reply = reply.model_copy(update={"outputs": {}, "evidence": evidence})
        # a machine has sixty lines, and they are those of its last record
        host = {"host": self._share_lines(source.host), "host_unavailable": self._share_lines(source.host_unavailable)}
        return record.model_copy(
            update={
                "workload": self._share_part(record.workload),
                "variant": self._share_part(record.variant),
                "method": self._share_part(record.method),
                "reported": reply,
                "provenance": source.model_copy(update=host),
            }
        )

    def _share_part(self, part: Part) -> Part:
        return self._parts.setdefault((type(part), part.model_dump_json()), part)  # type: ignore[return-value]

    def _share_lines(self, lines: Lines) -> Lines:
        return self._lines.setdefault(tuple(lines.items()), lines)  # type: ignore[return-value]
