"""Which kernels did BLIS choose for this CPU?"""

import ctypes
import json
import os
import re
import subprocess
import sys

from workloads.evidence import symbols

ASK = """
import ctypes, glob, json, os, sys
path = sys.argv[1]
one = (ctypes.c_float * 1)(1.0)
ctypes.CDLL(path).cblas_sgemm(102, 111, 111, 1, 1, 1, ctypes.c_float(1), one, 1, one, 1, ctypes.c_float(0), one, 1)
found = {}
for whole in glob.glob(os.path.join(os.path.dirname(path), "libblis.so*"))[:1]:
    library = ctypes.CDLL(whole)
    library.bli_info_get_version_str.restype = ctypes.c_char_p
    library.bli_thread_get_num_threads.restype = ctypes.c_long
    found = {"version": library.bli_info_get_version_str().decode(), "threads": library.bli_thread_get_num_threads()}
print(json.dumps(found))
"""
"""102 row-major, 111 not transposed: the smallest product makes the library choose its kernels and say so."""


def read_blis(library):
    """Version, core (`skx`, `zen3`, `generic`), threads and threading of a BLIS that exports its own functions."""
    if not hasattr(library, "bli_arch_query_id"):
        return {}
    core = symbols.call(library, ["bli_arch_query_id"], ctypes.c_int)
    openmp = symbols.call(library, ["bli_info_get_enable_openmp"], ctypes.c_long)
    pthreads = symbols.call(library, ["bli_info_get_enable_pthreads"], ctypes.c_long)
    return {
        "version": symbols.call(library, ["bli_info_get_version_str"], ctypes.c_char_p),
        "core": symbols.call(library, ["bli_arch_string"], ctypes.c_char_p, ctypes.c_int(core)),
        "threads": positive(symbols.call(library, ["bli_thread_get_num_threads"], ctypes.c_long)),
        "threading": "openmp" if openmp else "pthreads" if pthreads else None,
    }


def ask_child(path):
    """The same for Debian's blis-*/libblas.so.3, which hides those functions.

    A child process with the same environment on the same CPUs loads the same file and runs one product with
    BLIS_ARCH_DEBUG, which makes BLIS name its choice; version and threads are those of libblis.so in the same folder,
    of the same build.
    """
    found = {"threading": threading_of(path)}
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", ASK, path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, BLIS_ARCH_DEBUG="1"),
        )
        out, err = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return found
    except OSError:
        return found
    found["core"] = parse_choice(err.decode("utf-8", "replace"))
    try:
        said = json.loads(out.decode("utf-8").splitlines()[-1])
    except (ValueError, IndexError):
        said = {}
    found["version"] = said.get("version")
    found["threads"] = positive(said.get("threads"))
    return found


def parse_choice(text):
    """`zen3` of `libblis: selecting sub-configuration 'zen3'.`, or None."""
    choice = re.search(r"selecting sub-configuration '(\w+)'", text)
    return choice.group(1) if choice else None


def threading_of(path):
    """`openmp` or `pthreads` by Debian's folder name, or None."""
    folder = os.path.basename(os.path.dirname(path))
    return {"blis-openmp": "openmp", "blis-pthread": "pthreads", "blis-serial": "sequential"}.get(folder)


def positive(count):
    """The count, or None for BLIS's -1: nobody has set it."""
    return count if count and count > 0 else None
