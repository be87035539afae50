"""Which kernels did a build's BLAS and its own loops take, and how many threads and runtimes did they bring?"""

from __future__ import annotations

from orchestrator.analysis.kernels import find_kernel, is_narrower
from orchestrator.analysis.rules.view import Rule, View


def _level(view: View) -> str:
    """The instruction set of the kernels that the BLAS says it chose; empty where that is not known."""
    kernel = find_kernel(view.says("BLAS core"))
    return kernel.level if kernel else ""


def _used_level(view: View) -> str:
    """`AVX-512` of `ATen AVX512`, `avx512` or `avx512_core_amx`."""
    words = view.says("ISA used").lower().replace("-", "")
    for word, level in (("avx512", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"), ("sse", "SSE"), ("default", "SSE")):
        if word in words:
            return level
    return ""


def _below_cpu(view: View) -> bool:
    # Of ATLAS and BLIS's generic there is more to say, below.
    return (
        is_narrower(_level(view), view.says("CPU level")) and not view.has_blas("atlas") and _level(view) != "plain C"
    )


def _say_below_cpu(view: View) -> str:
    core, cpu = view.says("BLAS core"), view.says("CPU level")
    kernel = find_kernel(core)
    named = f"{core} (a core of {kernel.year})" if kernel and kernel.year else core
    # Kernels of the age of SSE are made for no CPU with AVX: which one to ask for is known.
    width = "without AVX" if _level(view) == "SSE" else f"with {_level(view)} at most"
    text = f"{_library(view)} {_took(view)} {named}: kernels {width}, on a CPU with {cpu}"
    better = {"AVX-512": "SkylakeX", "AVX2": "Haswell"}.get(cpu, "")
    if view.has_blas("openblas") and better and not view.says("label core"):
        text += f", OPENBLAS_CORETYPE={better} would be a row of its own"
    return text


def _took(view: View) -> str:
    return "was told to take" if view.says("label core") else "took"


def _say_mkl_def(view: View) -> str:
    maker = "this AMD CPU" if "amd" in view.says("CPU").lower() else "this CPU"
    return f"MKL on {maker} took libmkl_def, its path for CPUs that it does not know"


def _say_atlas(view: View) -> str:
    core = f"{view.says('BLAS core')} kernels" if view.says("BLAS core") else "the kernels"
    count = " on one thread" if view.says("BLAS threading") == "sequential" else ""
    return f"ATLAS runs {core}{count}: settled when it was built, not by this CPU"


def _library(view: View) -> str:
    names = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS", "atlas": "ATLAS"}
    first = view.says("BLAS").partition(" ")[0]
    return names.get(first, first)


RULES = (
    Rule(
        "reference-blas",
        "BLAS",
        lambda view: view.has_blas("reference"),
        lambda view: f"Netlib's reference BLAS ran in {view.who}: unblocked Fortran, on one thread",
        "netlib.org/blas: SGEMM, three nested loops",
    ),
    Rule(
        "atlas",
        "BLAS",
        lambda view: view.has_blas("atlas"),
        _say_atlas,
        "Whaley, Petitet and Dongarra, Automated empirical optimization of software and the ATLAS project, Parallel "
        "Computing 27, 2001: tuned at build time",
    ),
    Rule(
        "blis-generic",
        "BLAS core",
        lambda view: view.has_blas("blis") and _level(view) == "plain C",
        lambda view: (
            "BLIS was told to take generic: plain C"
            if view.says("label core")
            else "BLIS took generic: plain C, as it has no kernel for what it takes this CPU for, and BLIS_ARCH_TYPE "
            "would be a row of its own"
        ),
        "BLIS, docs/HardwareSupport.md and frame/base/bli_arch.c",
    ),
    Rule(
        "openblas-generic",
        "BLAS core",
        lambda view: not view.has_blas("blis") and _level(view) == "plain C",
        lambda view: f"{_library(view)} {_took(view)} generic: plain C",
        "OpenBLAS, kernel/generic",
    ),
    Rule(
        "mkl-def",
        "BLAS core",
        lambda view: view.has_blas("mkl") and "libmkl_def" in view.says("BLAS core"),
        _say_mkl_def,
        "the file that was mapped; Intel oneMKL developer guide, instruction-set specific dispatching; "
        "pytorch/pytorch#38412",
    ),
    Rule(
        "core-below-cpu",
        "BLAS core",
        _below_cpu,
        _say_below_cpu,
        "what the library says that it chose, and /proc/cpuinfo; OpenBLAS, driver/others/dynamic.c",
    ),
    Rule(
        "sequential-blas",
        "BLAS threading",
        lambda view: (
            view.says("BLAS threading") == "sequential"
            and view.least("threads asked") > 1
            and not view.has_blas("atlas", "reference")
        ),
        lambda view: f"{_library(view)} of {view.who} is a build without threads: its products ran on one",
        "what the library says of itself, or the threading layer that is mapped",
    ),
    Rule(
        "isa-used",
        "ISA used",
        lambda view: is_narrower(_used_level(view), _used_level(view.turned())),
        lambda view: (
            f"{view.who} says that it uses {_used_level(view)}, {view.other} {_used_level(view.turned())}: "
            "it may explain a part"
        ),
        "what the framework says of itself; PyTorch: ATen/native/cpu/README.md",
    ),
    Rule(
        "two-openmp",
        "OpenMP",
        lambda view: "," in view.says("OpenMP") or " x" in view.says("OpenMP"),
        lambda view: (
            f"{view.who} had more than one OpenMP runtime ({view.says('OpenMP')}): each has a pool of its own on the "
            "same CPUs"
        ),
        "threadpoolctl, multiple_openmp.md",
    ),
)
