"""Which cells does a request mean, and which parts of it cannot run here?"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from orchestrator.errors import UnknownNameError
from orchestrator.nouns.plan import Cell, Plan, Skipped
from orchestrator.nouns.variant import Device
from orchestrator.nouns.workload import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Method, Workload


SCRIPTED = "default"
"""How a script runs: it has no backend whose modes it could know."""


def make_plan(
    variants: Sequence[Variant],
    workloads: Sequence[Workload],
    method: Method,
    *,
    threads: Sequence[int],
    modes: str = "",
    cpu_flags: frozenset[str] | None = None,
    no_gpu: str = "",
    refuse: Callable[[Variant], str] = lambda _: "",
    skipped: Iterable[Skipped] = (),
) -> Plan:
    """Every workload on every variant at every thread count, as one plan.

    `modes` is a glob over a variant's execution modes; empty takes the first of each. A script has one, `default`,
    on every variant. `cpu_flags` are this
    machine's (None: unknown, nothing is left out for them), `no_gpu` is why it has no GPU (empty: it has one).
    `refuse` is the engine's reason against a variant.
    A variant that cannot run is among the skipped with its reason, once.
    """
    left_out = list(skipped)
    runnable: list[tuple[Variant, tuple[str, ...]]] = []
    for variant in variants:
        reason = _lacks(variant, cpu_flags, no_gpu) or refuse(variant)
        if reason:
            left_out.append(Skipped(variant.id, reason))
            continue
        runnable.append((variant, _modes(variant, modes)))
    scripts = [workload.id for workload in workloads if workload.mode is Mode.SCRIPT]
    scripted = (SCRIPTED,) if scripts and fnmatchcase(SCRIPTED, modes or "*") else ()
    if modes and variants and not scripted and not any(chosen for _, chosen in runnable):
        raise UnknownNameError("execution mode", modes, {mode for variant in variants for mode in variant.modes})
    if not scripted:
        reason = f"a script has no execution mode but {SCRIPTED!r}, and --modes asks for others"
        left_out += [Skipped(name, reason) for name in scripts]
    cells = tuple(
        Cell(workload.id, variant.id, count, mode)
        for variant, chosen in runnable
        for mode in dict.fromkeys((*chosen, *scripted))
        for count in threads
        for workload in workloads
        if mode in (scripted if workload.mode is Mode.SCRIPT else chosen)
    )
    return Plan(
        seed=method.seed,
        method=method,
        variants=tuple(variant for variant, _ in runnable),
        workloads=tuple(workloads),
        cells=cells,
        skipped=tuple(left_out),
    )


def _lacks(variant: Variant, cpu_flags: frozenset[str] | None, no_gpu: str) -> str:
    if variant.device is Device.CUDA and no_gpu:
        return f"device {variant.device}: expected an NVIDIA GPU on this host, found none: {no_gpu}"
    if cpu_flags is None:
        return ""
    missing = [flag for flag in variant.cpu_flags if flag not in cpu_flags]
    return f"this CPU has no {', '.join(missing)}" if missing else ""


def _modes(variant: Variant, pattern: str) -> tuple[str, ...]:
    if not pattern:
        return variant.modes[:1]
    return tuple(mode for mode in variant.modes if fnmatchcase(mode, pattern))
