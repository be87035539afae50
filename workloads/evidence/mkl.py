"""What does MKL say of itself and of its calls, where it is linked into another library?"""

import re

from workloads.evidence import symbols

VERSION = re.compile(r"^MKL_VERBOSE (?:Intel\(R\) MKL|oneMKL) (\S+)(?: (?:Product build|Update (\d+)))?")
CORE = re.compile(r" for Intel\(R\) 64 architecture(.*?)(?:, \w+ \d|\s*$)")
CALL = re.compile(r"^MKL_VERBOSE ([A-Z0-9_]+)\(")
PATHS = (
    ("AVX-512", "avx512"),
    ("Vector Extensions 512", "avx512"),
    ("Advanced Vector Extensions 2", "avx2"),
    ("Advanced Vector Extensions", "avx"),
    ("Streaming SIMD Extensions 4", "sse4"),
)


def parse(text):
    """{"version", "core", "calls": {name: number}} of MKL's verbose lines; None and {} for what they do not say.

    `MKL_VERBOSE Intel(R) MKL 2020.0 Product build 20191122 for Intel(R) 64 architecture Intel(R) Advanced Vector
    Extensions 512 (Intel(R) AVX-512) enabled processors, Lnx 2.10GHz lp64 gnu_thread`, then
    `MKL_VERBOSE SGEMM(N,N,50176,64,27,0x7ffd...,...) 1.52ms CNR:OFF Dyn:0 FastMM:1 TID:0  NThr:1`.
    """
    found = {"version": None, "core": None, "calls": {}}
    for line in text.splitlines():
        version, call = VERSION.match(line), CALL.match(line)
        if version and found["version"] is None:
            found["version"] = ".".join(part for part in version.groups() if part)
            path = CORE.search(line)
            found["core"] = next((name for words, name in PATHS if path and words in path.group(1)), None)
        elif call:
            found["calls"][call.group(1)] = found["calls"].get(call.group(1), 0) + 1
    return found


def static(path, said):
    """The Library, as a backend's static_libraries() has it, for the MKL inside the mapped file; None without one.

    `said`: what replay printed of one step, or nothing.
    """
    from workloads.evidence import libraries  # noqa: PLC0415  (which imports what imports this)

    library = symbols.open_mapped(path)
    if library is None:
        return None
    symbol = next((name for name in ("MKL_Get_Version_String", "MKL_Get_Max_Threads") if hasattr(library, name)), None)
    if symbol is None:
        return None
    how = "{0} exports {1}".format(path.rsplit("/", 1)[-1], symbol)
    entry = {"kind": "blas", "name": "mkl", "path": path}
    entry.update(libraries.read_mkl(library))
    told = parse(said)
    entry["core"] = told["core"]
    entry["version"] = entry["version"] or told["version"]
    if said:
        calls = ", ".join("{0} {1}".format(number, name) for name, number in sorted(told["calls"].items()))
        how += "; MKL_VERBOSE of one step in a process of its own: {0}".format(calls or "no call")
    entry["how"] = how
    return entry
