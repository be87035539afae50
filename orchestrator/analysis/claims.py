"""Did what ran keep the promises of its label? Each check compares one claim of the variant with the evidence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.findings import Finding
from orchestrator.nouns.variant import AUTOGRAD, Blas, Device, OneDnn
from orchestrator.nouns.workload import Dtype, Mode
from orchestrator.store.facts import product_libraries

if TYPE_CHECKING:
    from orchestrator.nouns.job import Evidence, Library
    from orchestrator.nouns.record import Record

# Compiled into the framework's own files: there is no shared library to find, so it is proved by what is not there.
COMPILED_IN = frozenset({Blas.EIGEN, Blas.XLA, Blas.MLAS, Blas.ONEDNN, Blas.XNNPACK, Blas.RUY, Blas.NATIVE})
# One kernel family under the names of OpenBLAS and of BLIS.
_ALIASES = {"skx": "skylakex", "knights landing": "knl", "sandy bridge": "sandybridge"}
_WALLS = {"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0"}

NATIVE = {
    Dtype.BFLOAT16: frozenset({"avx512_bf16", "amx_bf16", "bf16"}),
    Dtype.FLOAT16: frozenset({"avx512_fp16", "amx_fp16", "asimdhp"}),
    Dtype.INT8: frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}),
}
"""Type -> the flags of /proc/cpuinfo of which one is enough for its products."""

HANDOVER = 1
"""A main thread that hands each step over to a pool's thread is runnable beside it for a moment; in steps of some
microseconds the moments add up to a thread. It shares the CPUs that were asked for, so it is shown, not condemned."""

Checked = tuple[list[Finding], list[Finding]]
"""Reasons and flags."""


def check_blas(record: Record, evidence: Evidence) -> Checked:
    """The mapped BLAS libraries are exactly the one of the label; one that is compiled in has no rival mapped."""
    claimed, found = record.variant.blas, product_libraries(record.variant, evidence)
    declared = {claimed, *record.variant.beside}
    others = [each for each in found if each.name not in declared and not _beside(each, claimed)]
    if others:
        mapped = ", ".join(describe_library(each) for each in found)
        return [Finding("claim:blas", f"label says {claimed}, mapped: {mapped}")], []
    beside = sorted({each.name for each in found if each.name != claimed})
    # What stands in the framework's own plug-in computes; what a row declares is there, and its `why` says why.
    known = any(_beside(each, claimed) for each in found)
    words = "computes a part" if known else "is mapped as well, as the row says"
    flags = [Finding("mixed-blas", f"beside {claimed}, {', '.join(beside)} {words}")] if beside else []
    if any(each.name == claimed for each in found):
        return [], flags
    if claimed not in COMPILED_IN:
        return [Finding("claim:blas", f"label says {claimed}, no BLAS is mapped")], []
    if str(claimed) not in evidence.build.lower():
        return [Finding("claim:blas", f"label says {claimed}, and nothing that ran speaks of it")], flags
    return [], flags


def _beside(library: Library, claimed: Blas) -> bool:
    # OpenVINO's plug-in holds oneDNN and MLAS, and chooses by layer: both are what its label means.
    return claimed is Blas.ONEDNN and library.name == Blas.MLAS and library.linked == "static"


def check_core(record: Record, evidence: Evidence) -> Checked:
    """A row that forces a kernel family shows that this one was chosen."""
    claimed = record.variant.core
    if not claimed:
        return [], []
    cores = sorted({each.core for each in product_libraries(record.variant, evidence) if each.core})
    if cores and all(same_core(core, claimed) for core in cores):
        return [], []
    return [Finding("claim:core", f"label says {claimed}, chosen: {', '.join(cores) or 'nothing shows which'}")], []


def check_onednn(record: Record, evidence: Evidence) -> Checked:
    """On means on; off and absent mean that it computed nothing."""
    claimed, seen = record.variant.onednn, evidence.onednn
    why = f" ({seen.reason})" if seen.reason else ""
    if seen.state == "unknown":
        return [], [Finding("unproved:onednn", f"label says {claimed}, and nothing shows it{why}")]
    if (claimed == OneDnn.ON) != (seen.state == "on"):
        return [Finding("claim:onednn", f"label says {claimed}, read back: {seen.state}{why}")], []
    count = sum(list(seen.primitives.values()))
    if claimed != OneDnn.ON and count:
        return [], [
            Finding("onednn-remains", f"label says {claimed}, yet one step executed {count} primitives of oneDNN")
        ]
    return [], []


def check_threads(record: Record, evidence: Evidence) -> Checked:
    """Not more threads worked than were asked for, and on the CPUs that were asked for."""
    reasons, flags = [], []
    asked, busy = record.threads, evidence.threads.busy
    if evidence.threads.asked != asked:
        reasons.append(Finding("claim:threads", f"{asked} asked for, the workload was told {evidence.threads.asked}"))
    if busy > asked + HANDOVER:
        reasons.append(Finding("claim:threads", f"oversubscribed: {asked} asked for, {busy} were busy"))
    elif busy > asked:
        flags.append(Finding("extra-thread", f"{asked} threads asked for, {busy} wanted to run"))
    elif busy < asked:
        flags.append(Finding("idle-threads", f"{asked} threads asked for, {busy} busy"))
    if sorted(evidence.affinity) != sorted(record.cpus):
        found = _numbers(evidence.affinity)
        reasons.append(Finding("claim:cpus", f"CPUs {_numbers(record.cpus)} asked for, affinity is {found}"))
    return reasons, flags


def check_version(record: Record, evidence: Evidence) -> Checked:
    """The framework that ran has the version of the label; `+cpu` and Debian's suffixes do not matter."""
    claimed, found = record.variant.version, evidence.framework_version
    if _same_version(claimed, found):
        return [], []
    # Debian's torch 1.13.1 says that it is 1.13.0a0: the package manager's word is proof as well, and the flag tells.
    if evidence.package and _same_version(claimed, evidence.package.partition(" ")[2]):
        return [], [Finding("version-by-package", f"it says {found} of itself; it came in {evidence.package}")]
    return [Finding("claim:version", f"label says {claimed}, it ran {found}")], []


def check_host(record: Record, evidence: Evidence) -> Checked:
    """It ran on the machine whose state the record holds: the CPU seen from inside is the one seen from outside."""
    outside = record.provenance.host.get("cpu_model")
    if not outside or not evidence.cpu_model or outside == evidence.cpu_model:
        return [], []
    text = f"the record describes {outside!r}, it ran on {evidence.cpu_model!r}: an engine elsewhere is not supported"
    return [Finding("claim:host", text)], []


def check_device(record: Record, evidence: Evidence) -> Checked:
    """It ran on the device and in the precision that were asked for."""
    reasons = []
    device = evidence.device.lower().partition(":")[0]
    if device != record.variant.device:
        reasons.append(Finding("claim:device", f"label says {record.variant.device}, it ran on {evidence.device}"))
    if evidence.precision != record.workload.dtype:
        text = f"{record.workload.dtype} asked for, it computed in {evidence.precision}"
        reasons.append(Finding("claim:precision", text))
    return reasons + _gradients(record, evidence), _emulated(record, evidence)


def _emulated(record: Record, evidence: Evidence) -> list[Finding]:
    """Products of a narrow type without an instruction for them are converted or taken apart, which costs time."""
    wanted = NATIVE.get(record.workload.dtype, frozenset())
    if not wanted or record.variant.device != Device.CPU or wanted & set(evidence.isa):
        return []
    return [Finding("emulated", f"this CPU has no instruction for products of {record.workload.dtype}")]


def _gradients(record: Record, evidence: Evidence) -> list[Finding]:
    seen = evidence.arithmetic.get("gradients")
    if record.workload.mode not in {Mode.INFER, Mode.PEAK}:
        return []
    if record.mode == AUTOGRAD:
        return [] if seen == "on" else [Finding("claim:gradients", "the mode records gradients, and nothing did")]
    if seen in {None, "off"}:
        return []
    return [Finding("claim:gradients", "inference was asked for, and it recorded what gradients need")]


def check_mode(record: Record, evidence: Evidence) -> Checked:
    """It ran in the execution mode that its cell is named after, by what the framework says of itself."""
    seen = evidence.execution
    if seen is None:
        known = record.mode == "default"  # the way in which a backend without a choice computes
        return [], [] if known else [Finding("unproved:mode", f"{record.mode!r} asked for, and nothing was read back")]
    if seen.mode is None:
        return [], [Finding("unproved:mode", f"{record.mode!r} asked for, and nothing shows it ({seen.how})")]
    if seen.mode != record.mode:
        return [Finding("claim:mode", f"{record.mode!r} asked for, read back: {seen.mode!r} ({seen.how})")], []
    return [], []


def check_isolation(record: Record, evidence: Evidence | None) -> Checked:
    """In a container: as closed as was asked for, by the engine's word, and as seen from inside.

    From inside: a seccomp filter, no new privileges, no capabilities, another user than root, a root that is read-only;
    without evidence nobody looked.
    """
    if record.observed is None or not record.observed.container:
        return [], [Finding("no-container", f"ran without isolation ({record.provenance.engine})")]
    seen = evidence.security if evidence is not None else {}
    wrong = list(record.observed.weakened)
    for name, wanted in _WALLS.items():
        value = seen.get(name)
        if value is not None and (value.lstrip("0") or "0") != wanted:
            wrong.append(f"{name} is {value}, not {wanted}")
    if seen.get("Uid") == "0":
        wrong.append("it ran as root")
    if seen.get("root", "read-only") != "read-only":
        wrong.append(f"its root is {seen['root']}")
    missing = [name for name in (*_WALLS, "Uid", "root") if name not in seen]
    reasons = [Finding("claim:isolation", ", ".join(wrong))] if wrong else []
    flags = [Finding("unproved:isolation", f"{', '.join(missing)} could not be read")] if missing else []
    return reasons, flags


def describe_library(library: Library) -> str:
    """`openblas 0.3.21 (/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblasp-r0.3.21.so)`."""
    version = f" {library.version}" if library.version else ""
    static = "static, " if library.linked == "static" else ""
    return f"{library.name}{version} ({static}{library.path})"


def same_core(left: str, right: str) -> bool:
    """Whether two names mean one kernel family: case does not matter, and BLIS's `skx` is OpenBLAS's `SkylakeX`."""

    names = [_ALIASES.get(name.strip().lower(), name.strip().lower()) for name in (left, right)]
    return names[0] == names[1]


def _same_version(claimed: str, found: str) -> bool:
    # 2.13.0+cpu, 1.13.1+dfsg-4, 1:1.24.2-1+deb12u1: what follows + or - or ~ is the packager's. So is a post-release:
    # CNTK's wheel 2.7.post2 holds the 2.7 that its modules and its metadata speak of.
    left, right = (
        re.split(r"[+~-]|\.post", text.strip().removeprefix("1:"))[0].split(".") for text in (claimed, found)
    )
    # A label that says 2.13 claims any 2.13.x; one that says 2.13.0 is kept by 2.13 as well.
    while len(left) > len(right) and left[-1] == "0":
        left.pop()
    return right[: len(left)] == left


def _numbers(cpus: tuple[int, ...]) -> str:
    return ",".join(str(cpu) for cpu in sorted(cpus)) or "none"
