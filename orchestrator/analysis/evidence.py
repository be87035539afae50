"""In what did two builds really differ, by what was seen of them at run time?"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.analysis.kernels import cpu_level
from orchestrator.store.facts import product_libraries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.analysis.trials import Judged
    from orchestrator.nouns.job import Evidence, Library, OneDnnEvidence
    from orchestrator.nouns.record import Record

Facts = dict[str, str]
"""Name of a fact -> what was seen; several values where blocks differ, joined by ` / `. Empty: there was none."""

SEVERAL = " / "
ARITHMETIC = "arithmetic: "
NOT_SHOWN = "not shown"
"""For what the framework did and gave no way to look at."""

# What is told of two builds, by how likely it is to explain a time: other work first, then other kernels, then who
# brought them. What is said of the arithmetic comes after the precision.
LISTED = (
    "precision",
    ARITHMETIC,
    "busy threads",
    "oneDNN",
    "oneDNN calls per step",
    "oneDNN kernels",
    "oneDNN operators",
    "BLAS",
    "BLAS core",
    "BLAS threading",
    "ISA used",
    "mode",
    "OpenMP",
    "framework",
    "numpy",
    "python",
    "MKL vector kernels",
)
_USUAL = frozenset({"off", "strict", "kept"})
"""Said of arithmetic that is as anyone expects it: no difference from a framework that has no such setting."""
_SAID_BY_ITSELF = frozenset({"BLAS core", "BLAS threading", "ISA used"})
"""Facts that a library has, whether it tells them or not."""
_LABEL = ("framework", "version", "install", "blas", "onednn", "core", "python", "tag")


def read_facts(trials: Iterable[Judged]) -> Facts:
    """What was seen in the trials that have evidence, and a few facts of CPU and label that explain.py asks for."""
    seen: dict[str, set[str]] = {}
    for trial in trials:
        for name, value in _facts(trial.record).items():
            seen.setdefault(name, set()).add(value)
    return {name: SEVERAL.join(sorted(values)) for name, values in seen.items()}


def list_differences(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[str, ...]:
    """`BLAS: openblas 0.3.21 -> mkl 2020.4`, ... for every fact that is not the same on both sides.

    The likeliest explanations of a time first; nothing where a side has no evidence at all.
    """
    return tuple(f"{name}: {_shown(name, left)} -> {_shown(name, right)}" for name in differing(left, right))


def differing(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the facts that are not the same on both sides, in the order of LISTED."""
    if not left or not right:
        return ()
    names = []
    for name in LISTED:
        if name == ARITHMETIC:
            names += sorted(each for each in {*left, *right} if each.startswith(ARITHMETIC))
        else:
            names.append(name)
    return tuple(name for name in names if _differs(name, left.get(name), right.get(name)))


def _shown(name: str, facts: Mapping[str, str]) -> str:
    # Netlib's BLAS has no kernels to choose from, so it keeps nothing to itself.
    silent = name in _SAID_BY_ITSELF and not facts.get("BLAS", "").startswith("reference")
    return facts.get(name) or (NOT_SHOWN if silent else "none")


def _differs(name: str, left: str | None, right: str | None) -> bool:
    if name.startswith(ARITHMETIC) and None in {left, right}:
        return (left or right) not in _USUAL
    return (left or "") != (right or "")


def _facts(record: Record) -> Facts:
    evidence = record.reported.evidence if record.reported is not None else None
    if evidence is None:
        return {}
    own = product_libraries(record.variant, evidence)
    facts = {
        "framework": f"{evidence.framework} {evidence.framework_version}",
        "BLAS": _join(f"{each.name} {each.version or ''}".strip() for each in own),
        "BLAS core": _core(evidence, own),
        "BLAS threading": _join(each.threading for each in own),
        "MKL vector kernels": _join(each.name for each in evidence.libraries if _is_kernel(each) and _is_vector(each)),
        "OpenMP": _runtimes(evidence.libraries),
        "ISA used": evidence.isa_used or "",
        "precision": evidence.precision,
        "busy threads": str(evidence.threads.busy),
        "mode": record.mode,
        "python": evidence.python,
        "numpy": evidence.numpy,
        "threads asked": str(evidence.threads.asked),
        "CPU": evidence.cpu_model,
        "CPU level": cpu_level(evidence.isa),
    }
    facts |= _onednn_facts(evidence.onednn)
    facts |= {f"{ARITHMETIC}{name}": value for name, value in evidence.arithmetic.items()}
    return facts | {f"label {name}": str(getattr(record.variant, name)) for name in _LABEL}


def _onednn_facts(seen: OneDnnEvidence) -> Facts:
    """Its state, how often it computed what in one step, and in which kernels, as its verbose mode names them."""
    computed: Counter[str] = Counter()
    kernels: dict[str, list[str]] = {}
    for primitive, count in seen.primitives.items():
        kind, _, kernel = primitive.partition(",")
        computed[kind] += count
        if kind != "reorder":  # moves numbers about: nothing is computed in it
            kernels.setdefault(kind, []).append(f"{kernel} x{count}")
    calls = ", ".join(f"{count} {kind}" for kind, count in sorted(computed.items()))
    # An empty list is an answer where the verbose mode said so, or where there is no oneDNN that could compute.
    looked = seen.state == "absent" or re.search(r"\b0 primitives", seen.reason)
    graph = re.search(r"operators of the executed graph: ([^;]*)", seen.reason)
    return {
        "oneDNN": f"{seen.state} {seen.version or ''}".strip(),
        "oneDNN calls per step": calls or ("" if looked else NOT_SHOWN),
        "oneDNN kernels": " and ".join(
            f"{kind} by {', '.join(sorted(each))}" for kind, each in sorted(kernels.items())
        ),
        "oneDNN operators": ", ".join(_mkl_operators(graph[1])) if graph else "",
    }


def _mkl_operators(text: str) -> list[str]:
    # TensorFlow names the operators that oneDNN computes for it after what oneDNN was once called.
    return [part.strip() for part in text.split(",") if "_Mkl" in part]


def _core(evidence: Evidence, own: Iterable[Library]) -> str:
    """What the BLAS says that it chose; of an MKL that says nothing, the kernel files that it mapped."""
    said = _join(each.core for each in own)
    if said or not any(each.name == "mkl" for each in own):
        return said
    return _join(each.name for each in evidence.libraries if _is_kernel(each) and not _is_vector(each))


def _is_kernel(library: Library) -> bool:
    return library.kind == "blas-kernel"


def _is_vector(library: Library) -> bool:
    return "vml" in library.name


def _runtimes(libraries: Iterable[Library]) -> str:
    """`libgomp, libiomp5`; `libgomp x2` where two files of that name are mapped, each with a pool of its own."""
    files = {(each.path, each.name) for each in libraries if each.kind == "openmp"}
    counts = Counter(name for _, name in files)
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in sorted(counts.items()))


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(sorted({part for part in parts if part}))
