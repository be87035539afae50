"""Which BLAS, OpenMP runtime or oneDNN is a shared library, by its path and by what it exports?"""

import os
import re

from workloads.evidence import symbols

KERNEL = re.compile(r"^(libmkl_(?:vml_)?(?:def|mc|mc3|avx|avx2|avx512|avx512_mic|avx512_mic_e1|zmm\w*))\.")
OPENMP = ((r"^libgomp\b", "libgomp"), (r"^libiomp5", "libiomp5"), (r"^libomp5?[.-]", "libomp"))
ONEDNN = re.compile(r"^lib(dnnl|mkldnn|onednn)\b")
MKL = re.compile(r"^libmkl(_rt|_core|ml_intel|ml_gnu)\b")
MKL_THREADING = re.compile(r"^libmkl_(sequential|gnu_thread|intel_thread|tbb_thread|pgi_thread)\b")

PROVIDERS = (
    # (basename, folder, name, core): Debian keeps each provider's libblas.so.3 in a folder of the provider's name, and
    # some of those only hand the calls on to a core library, which is the one that counts where it is mapped.
    (r"openblas", r"", "openblas", True),
    (r"^libblis", r"", "blis", True),
    (r"^lib[st]?atlas", r"", "atlas", True),
    (r"^lib(f77|c)?blas\b", r"^openblas", "openblas", False),
    (r"^lib(f77|c)?blas\b", r"^blis", "blis", False),
    (r"^lib(f77|c)?blas\b", r"^atlas", "atlas", False),
    (r"^libcublas\.so", r"", "cublas", True),
    (r"^lib(f77blas|satlas|ptcblas|ptf77blas)\b", r"", "atlas", False),
)

EXPORTS = (
    # A plain libblas.so.3, e.g. in /usr/lib64: only its own symbols tell who made it.
    ("openblas_get_config", "openblas"),
    ("bli_arch_query_id", "blis"),
    ("ATL_buildinfo", "atlas"),
    ("MKL_Get_Version_String", "mkl"),
)


def owner(path):
    """`numpy` or `scipy` where a wheel carries the file for itself (`numpy.libs/`, in old ones `numpy/.libs/`)."""
    found = re.search(r"/(numpy|scipy)(\.libs|/\.libs)/", path)
    return found.group(1) if found else ""


def blas(path, exports=symbols.exports):
    """(name, is it the core) of a BLAS, or None; `exports(path, symbol)`: whether the mapped library has the symbol."""
    folder, base = os.path.split(path)
    if MKL.match(base):
        return "mkl", not base.startswith("libmkl_core")
    for basename, directory, name, core in PROVIDERS:
        if re.search(basename, base) and re.search(directory, os.path.basename(folder)):
            return name, core
    if not re.match(r"^lib(c?blas|refblas)\b", base):
        return None
    for symbol, name in EXPORTS:
        if exports(path, symbol):
            return name, not base.startswith("libcblas")
    return "reference", not base.startswith("libcblas")


def identify(paths, exports=symbols.exports):
    """[(kind, name, path)] of what is a BLAS, a BLAS kernel, an OpenMP runtime or oneDNN among the mapped files.

    Of one provider, a file that only hands calls on is left out where the core is mapped too; so is a libcblas of
    unknown origin where any core is.
    """
    found = []
    for path in paths:
        base = os.path.basename(path)
        kernel = KERNEL.match(base)
        if kernel:
            found.append(("blas-kernel", kernel.group(1), path, True))
        elif ONEDNN.match(base):
            found.append(("onednn", "onednn", path, True))
        else:
            found.extend(("openmp", name, path, True) for pattern, name in OPENMP if re.match(pattern, base))
            known = blas(path, exports)
            if known:
                found.append(("blas", known[0], path, known[1]))
    cores = {name for kind, name, _, core in found if kind == "blas" and core}
    if cores:
        cores.add("reference")
    return [(kind, name, path) for kind, name, path, core in found if core or name not in cores]


def mkl_threading(paths):
    """`sequential`, `gnu_thread`, ...: the threading layer of MKL that is mapped, or None."""
    layers = [MKL_THREADING.match(os.path.basename(path)) for path in paths]
    return next((layer.group(1) for layer in layers if layer), None)
