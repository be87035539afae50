"""What do the mapped libraries say of themselves: version, kernel, threads?"""

import ctypes
import re

from workloads.evidence import blis, capture, identify, symbols


def describe(paths):
    """[Library as a dict, see nouns Library] for the files of /proc/self/maps."""
    pools = threadpools() if symbols.here() else {}
    layer = identify.mkl_threading(paths)
    described = []
    for kind, name, path in identify.identify(paths):
        entry = {"kind": kind, "name": name, "path": path, "owner": identify.owner(path), "linked": "shared"}
        entry.update({"version": None, "core": None, "threads": None, "threading": None})
        library = symbols.open_mapped(path)
        if library is not None and name in READERS:
            entry.update({key: value for key, value in READERS[name](library).items() if value is not None})
        if name == "blis" and entry["core"] is None:
            entry.update(blis.ask_child(path))
        for key, value in pools.get(path, {}).items():
            if entry[key] is None:
                entry[key] = value
        if name == "mkl":
            entry["threading"] = layer or entry["threading"]
        if entry["version"] is None and kind == "blas":
            entry["version"] = version_in_name(path)
        described.append(entry)
    set_mkl_core(described)
    return described


def set_mkl_core(described):
    """MKL's kernel is a file of its own; libmkl_def is the one for a CPU that is not Intel's."""
    kernels = [entry["name"] for entry in described if entry["kind"] == "blas-kernel" and "vml" not in entry["name"]]
    for entry in described:
        if entry["name"] == "mkl" and kernels:
            entry["core"] = ",".join(sorted(kernels))


def version_in_name(path):
    """`3.11.0` of `.../blas/libblas.so.3.11.0`; None for a bare soname such as `.so.3`.

    `0.2.18` of `libopenblasp-r0-39a31c03.2.18.so`: before 0.3.4 OpenBLAS did not tell its version.
    """
    openblas = re.search(r"openblasp?-r0(?:-[0-9a-f]+)?\.(\d+\.\d+)", path)
    if openblas:
        return "0." + openblas.group(1)
    found = re.search(r"\.so\.(\d+\.\d[\d.]*)$", path)
    return found.group(1) if found else None


def threadpools():
    """Path -> what threadpoolctl says of it, where it is installed; it knows OpenBLAS, MKL, newer BLIS and OpenMP."""
    try:
        from threadpoolctl import threadpool_info  # noqa: PLC0415  (often not installed)

        pools = threadpool_info()
    except Exception:  # noqa: BLE001  (an extra witness; without it ours stands alone)
        return {}
    return {
        pool["filepath"]: {
            "version": pool.get("version"),
            "core": pool.get("architecture"),
            "threads": pool.get("num_threads"),
            "threading": pool.get("threading_layer"),
        }
        for pool in pools
        if "filepath" in pool
    }


def read_openblas(library):
    """Version, core, threads, threading of OpenBLAS, whose symbols numpy's and scipy's wheels rename."""

    def names(stem):
        return [prefix + stem + suffix for prefix in ("", "scipy_") for suffix in ("", "64_", "_64", "_64_")]

    config = symbols.call(library, names("openblas_get_config"), ctypes.c_char_p)
    version = re.search(r"OpenBLAS\s+(\S+)", config or "")
    parallel = symbols.call(library, names("openblas_get_parallel"), ctypes.c_int)
    return {
        "version": version.group(1) if version else None,
        "core": symbols.call(library, names("openblas_get_corename"), ctypes.c_char_p),
        "threads": symbols.call(library, names("openblas_get_num_threads"), ctypes.c_int),
        "threading": {0: "sequential", 1: "pthreads", 2: "openmp"}.get(parallel),
    }


def read_mkl(library):
    """Version and threads of MKL; from libtorch_cpu.so too, which has it inside and exports the same names."""
    version = None
    if hasattr(library, "MKL_Get_Version_String"):
        buffer = ctypes.create_string_buffer(256)
        library.MKL_Get_Version_String(buffer, ctypes.c_int(255))
        text = buffer.value.decode("utf-8", "replace").strip()
        found = re.search(r"Version\s+(\S+?)(?:-Product)?\s", text + " ")
        version = found.group(1) if found else text or None
    threads = symbols.call(library, ["MKL_Get_Max_Threads"], ctypes.c_int)
    return {"version": version, "threads": threads}


def read_atlas(library):
    """Version and architecture of ATLAS, which only prints them: `ATLAS version 3.10.3 built by ...`."""
    if not hasattr(library, "ATL_buildinfo"):
        return {}
    text = capture.captured(library.ATL_buildinfo)
    version = re.search(r"ATLAS version (\S+)", text)
    core = re.search(r"ATL_ARCH_(\w+)", text)
    return {
        "version": version.group(1) if version else None,
        "core": core.group(1) if core else None,
        "threading": "pthreads" if hasattr(library, "ATL_thread_start") else "sequential",
    }


def read_reference(_library):
    """Netlib's BLAS has no threads."""
    return {"threads": 1, "threading": "sequential"}


def read_cublas(library):
    """Version of cuBLAS, as `cublasGetProperty` tells without a GPU: 13.1.0."""
    numbers = []
    for kind in range(3):  # MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL of library_types.h
        value = ctypes.c_int(-1)
        if not hasattr(library, "cublasGetProperty") or library.cublasGetProperty(kind, ctypes.byref(value)) != 0:
            return {}
        numbers.append(str(value.value))
    return {"version": ".".join(numbers)}


def read_openmp(library):
    """Threads of an OpenMP runtime."""
    return {"threads": symbols.call(library, ["omp_get_max_threads"], ctypes.c_int)}


class DnnlVersion(ctypes.Structure):
    """dnnl_version_t as far as all versions agree."""

    _fields_ = [("major", ctypes.c_int), ("minor", ctypes.c_int), ("patch", ctypes.c_int)]


def read_onednn(library):
    """Version of oneDNN, DNNL or MKL-DNN."""
    pointer = symbols.call(library, ["dnnl_version", "mkldnn_version"], ctypes.POINTER(DnnlVersion))
    if not pointer:
        return {}
    return {"version": "{0.major}.{0.minor}.{0.patch}".format(pointer.contents)}


READERS = {
    "openblas": read_openblas,
    "mkl": read_mkl,
    "blis": blis.read_blis,
    "atlas": read_atlas,
    "reference": read_reference,
    "cublas": read_cublas,
    "libgomp": read_openmp,
    "libiomp5": read_openmp,
    "libomp": read_openmp,
    "onednn": read_onednn,
}
