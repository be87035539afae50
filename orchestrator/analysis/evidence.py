"""In what did two builds really differ, by what was seen of them at run time?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.store.facts import product_libraries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.analysis.trials import Judged

Facts = dict[str, str]
"""Name of a fact -> what was seen; several values where blocks differ, joined by ` / `."""


def read_facts(trials: Iterable[Judged]) -> Facts:
    """What was seen in the trials that have evidence."""
    seen: dict[str, set[str]] = {}
    for trial in trials:
        for name, value in _facts(trial).items():
            seen.setdefault(name, set()).add(value)
    return {name: " / ".join(sorted(values)) for name, values in seen.items()}


def list_differences(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[str, ...]:
    """`BLAS: openblas 0.3.21 -> mkl 2020.4`, ... for every fact that is not the same on both sides."""
    names = [*left, *(name for name in right if name not in left)]
    return tuple(
        f"{name}: {left.get(name) or 'none'} -> {right.get(name) or 'none'}"
        for name in names
        if left.get(name) != right.get(name)
    )


def _facts(trial: Judged) -> Facts:
    record = trial.record
    evidence = record.reported.evidence if record.reported is not None else None
    if evidence is None:
        return {}
    own = product_libraries(record.variant, evidence)
    mapped = evidence.libraries
    onednn = f"{evidence.onednn.state} {evidence.onednn.version or ''}".strip()
    return {
        "framework": f"{evidence.framework} {evidence.framework_version}",
        "BLAS": _join(f"{each.name} {each.version or ''}".strip() for each in own),
        "BLAS core": _join(each.core for each in own),
        "BLAS code path": _join(each.name for each in mapped if each.kind == "blas-kernel"),
        "BLAS threading": _join(each.threading for each in own),
        "OpenMP": _join(each.name for each in mapped if each.kind == "openmp"),
        "oneDNN": onednn,
        "ISA used": evidence.isa_used or "",
        "busy threads": str(evidence.threads.busy),
        "mode": record.mode,
        "python": evidence.python,
        "numpy": evidence.numpy,
    }


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(sorted({part for part in parts if part}))
