"""What did TensorFlow 1 execute, and in whose kernels? Read from the graph that ran, its headers and its library."""

import ctypes
import mmap
import os
import re
from collections import Counter

import tensorflow as tf

from workloads.backends.base import Unsupported
from workloads.backends.tensorflow1_log import compiled_isa
from workloads.evidence import maps, symbols

PRODUCTS = re.compile(r"_?(Fused)?(Conv2D|DepthwiseConv2dNative|MatMul|BatchMatMul(V2)?)$")
"""Operators that Eigen computes, unless oneDNN's rewriting replaced them by `_MklConv2D` and its like."""
MKLDNN_GEMM = b"mkldnn_sgemm"
"""What Eigen's contraction calls in a build that has MKL-DNN's kernel for it (1.13 and later)."""
HEADERS = {
    "eigen": ("Eigen/src/Core/util/Macros.h", "EIGEN_(?:WORLD|MAJOR|MINOR)_VERSION"),
    "onednn": ("external/mkl_dnn/include/mkldnn_version.h", "MKLDNN_VERSION_(?:MAJOR|MINOR|PATCH)"),
}
"""The wheel's header with a library's version, and the names of the `#define`s."""


def library():
    """The file that holds TensorFlow's kernels."""
    from tensorflow.python import pywrap_tensorflow_internal  # noqa: PLC0415  (no public name has it)

    folder = os.path.dirname(pywrap_tensorflow_internal.__file__)
    return os.path.join(folder, "_pywrap_tensorflow_internal.so")


def has_mkldnn_gemm():
    """Whether MKL-DNN's GEMM is compiled in; its symbol is not exported, its name stands in the file."""
    with open(library(), "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            return mapped.find(MKLDNN_GEMM) >= 0
        finally:
            mapped.close()


def version(name):
    """`3.3.90` of a library that is compiled in, as the wheel's headers have it, or None."""
    path, pattern = HEADERS[name]
    try:
        with open(os.path.join(tf.sysconfig.get_include(), path)) as file:
            numbers = re.findall(r"#define {0} (\d+)".format(pattern), file.read())
    except (OSError, UnicodeDecodeError):
        return None
    return ".".join(numbers) or None


def executed(session, fetches, feeds):
    """Counter of the operators of the graph that the executor was given, after all rewriting."""
    options, metadata = tf.RunOptions(output_partition_graphs=True), tf.RunMetadata()
    session.run(fetches, feeds, options=options, run_metadata=metadata)
    return Counter(node.op for graph in metadata.partition_graphs for node in graph.node)


def shown(counts, wanted):
    """`13 Conv2D, 3 MatMul` of the operators that `wanted` takes."""
    return ", ".join("{0} {1}".format(count, op) for op, count in sorted(counts.items()) if wanted(op))


def clusters(counts):
    """How many compiled clusters the executed graph has; without one the mode would be `default` by another name."""
    if not counts["_XlaRun"]:
        raise Unsupported("mode 'xla': XLA compiled no cluster of this graph")
    return "{0} compiled, beside {1}".format(counts["_XlaRun"], shown(counts, PRODUCTS.match) or "no product")


def execution_state(counts, variables, weighted):
    """(mode, how): what the graph that ran does with its weights, and whether it has clusters of XLA's."""
    kinds = ("VariableV2", "VarHandleOp", "ReadVariableOp")
    held = shown(counts, lambda op: op in kinds or op in ("Const", "_XlaRun")) or "none of them"
    how = "{0} variables; of variables, constants and clusters the executed graph has {1}".format(variables, held)
    if counts["_XlaRun"]:
        return "xla", how
    return "frozen" if weighted and not any(counts[kind] for kind in kinds) else "default", how


def static_libraries(counts):
    """Eigen, where it computes a product of the executed graph, and MKL-DNN, as `Backend.static_libraries` has them."""
    made = []
    products = shown(counts, lambda op: PRODUCTS.match(op) or op == "_XlaRun")
    if products:
        how = "compiled in, as the wheel's headers of it; the executed graph has {0}".format(products)
        made.append({"kind": "blas", "name": "eigen", "version": version("eigen"), "how": how})
    if has_mkldnn_gemm():
        how = "{0} stands in _pywrap_tensorflow_internal.so".format(MKLDNN_GEMM.decode())
        made.append({"kind": "onednn", "name": "onednn", "version": version("onednn"), "how": how})
    return made


def onednn_state(counts):
    """oneDNN's kernels, MKL-DNN's at that time, have names of their own (`_MklConv2D`) in the graph that ran."""
    rewritten = shown(counts, lambda op: op.startswith("_Mkl"))
    if rewritten:
        return ("on", version("onednn"), "operators of the executed graph: {0}".format(rewritten))
    reason = "operators of the executed graph: {0}".format(shown(counts, PRODUCTS.match) or "no product")
    if not has_mkldnn_gemm():
        return ("absent", None, "{0}; nothing in the library's file is MKL-DNN's".format(reason))
    return ("off", version("onednn"), "{0}; Eigen's contractions still call MKL-DNN's GEMM".format(reason))


class MklVersion(ctypes.Structure):
    """MKLVersion of mkl_types.h."""

    _fields_ = [
        ("major", ctypes.c_int),
        ("minor", ctypes.c_int),
        ("update", ctypes.c_int),
        ("status", ctypes.c_char_p),
        ("build", ctypes.c_char_p),
        ("processor", ctypes.c_char_p),
        ("platform", ctypes.c_char_p),
    ]


def mkl_isa():
    """For which instruction set MKL took its kernels, by its own word, or None where no MKL is mapped."""
    for path in maps.read_maps():
        mapped = symbols.open_mapped(path) if os.path.basename(path).startswith("libmklml_intel") else None
        if mapped is not None:
            said = MklVersion()
            mapped.MKL_Get_Version(ctypes.byref(said))
            return (said.processor or b"").decode() or None
    return None


def isa_used(counts, log):
    """What computed the products: MKL's word, or what Eigen was compiled for; MKL-DNN's GEMM, which takes what the CPU
    has, says nothing."""
    if any(op.startswith("_Mkl") for op in counts):
        return mkl_isa()
    return None if has_mkldnn_gemm() else compiled_isa(log)


def build_string(log):
    """Version control's name of the release, the compiler, what Eigen was compiled for."""
    text = "git {0}, compiler {1}".format(tf.GIT_VERSION, tf.COMPILER_VERSION)
    isa = compiled_isa(log)
    return text + (", Eigen compiled for {0}".format(isa) if isa else ", Eigen")
