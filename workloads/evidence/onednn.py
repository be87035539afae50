"""Which oneDNN primitives did one step execute?"""

import ctypes
import os
import re
import subprocess
import sys

from workloads.evidence import capture, symbols

CARRIERS = re.compile(r"^lib(dnnl|mkldnn|onednn|torch_cpu|tensorflow|paddle|mxnet|phi|ideep|caffe2)")
SETTERS = ("dnnl_set_verbose", "mkldnn_set_verbose")


def count_primitives(text):
    """`kind,implementation` -> executions, from oneDNN's verbose lines of any version.

    `onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx512_core,forward_inference,...` (3.x),
    `dnnl_verbose,exec,cpu,convolution,jit:avx512_core,...` (1.x, 2.x),
    `mkldnn_verbose,exec,convolution,jit:avx2,...` (0.x).
    """
    counts = {}
    for line in text.splitlines():
        fields = line.split(",")
        if not fields[0].endswith(("dnn_verbose", "dnnl_verbose")) or "exec" not in fields:
            continue
        after = fields[fields.index("exec") + 1 :]
        if after and after[0] in ("cpu", "gpu"):
            after = after[1:]
        if len(after) >= 2:
            key = ",".join(after[:2])
            counts[key] = counts.get(key, 0) + 1
    return counts


def product_types(text, of=("src", "wei", "dst")):
    """Data types of the tensors `of` every convolution and product in oneDNN's verbose lines: {"f32"} or more.

    A tensor is `src_f32::blocked:acdb:f0` (until 3.2) or `src:f32:a:blocked:acdb::f0` (since).
    """
    lines = [line for line in text.splitlines() if re.search(r",exec,(cpu,)?(convolution|inner_product|matmul),", line)]
    return {found for line in lines for found in re.findall(r"[, ](?:{0})[_:](\w+?):".format("|".join(of)), line)}


def find_switch(paths):
    """(function(level) that turns verbose mode on and off, how), or (None, why not)."""
    torch = sys.modules.get("torch")
    verbose = getattr(getattr(getattr(torch, "_C", None), "_verbose", None), "mkldnn_set_verbose", None)
    if verbose is not None:
        return verbose, "torch.backends.mkldnn.verbose"
    carriers = [path for path in paths if CARRIERS.match(os.path.basename(path))]
    for path in carriers:
        library = symbols.open_mapped(path)
        for name in SETTERS:
            if hasattr(library, name):
                return exported_switch(getattr(library, name)), "{0} of {1}".format(name, path)
    if carriers:
        return None, "no mapped library exports {0}: {1}".format(SETTERS[0], ", ".join(carriers)[:400])
    return None, "no library that could carry oneDNN is mapped"


def exported_switch(function):
    """The C function as function(level) -> whether it was accepted; dnnl_success is 0."""
    return lambda level: function(ctypes.c_int(level)) == 0


def evidence(backend, step, paths, captured=capture.captured):
    """OneDnnEvidence as a dict: the state as the framework reads it back, and the primitives of one untimed step.

    `captured(function)` gives what is printed during `function()` by the process that computes.
    """
    state, version, reason = backend.onednn_state()
    switch, how = backend.onednn_switch() or find_switch(paths)
    primitives = {}
    if switch is None and backend.said:
        primitives = count_primitives(backend.said)
        how = "one step in a process of its own: {0} primitives".format(sum(primitives.values()))
        reason = "; ".join(part for part in (reason, how) if part)
    elif switch is None:
        reason = "; ".join(part for part in (reason, how) if part)
    else:
        try:
            primitives = count_primitives(captured(lambda: _verbosely(switch, step)))
            how = "one step with {0}: {1} primitives".format(how, sum(primitives.values()))
        except (OSError, RuntimeError) as problem:
            how = "{0} failed: {1}".format(how, problem)
        reason = "; ".join(part for part in (reason, how) if part)
    return {"state": state, "version": version, "primitives": primitives, "reason": reason}


def verbose_step(step, paths):
    """What oneDNN prints during one untimed step; empty where it cannot be made to."""
    switch, _ = find_switch(paths)
    return capture.captured(lambda: _verbosely(switch, step)) if switch else ""


def ask_child(source):
    """(state, version, reason): whether oneDNN computes what the Python text `source` does, in a process of its own.

    For a framework whose setting only promises and whose library exports no switch: verbose mode is then read from the
    environment, once, and the process that is timed must not have it.
    """
    try:
        text = subprocess.check_output(
            [sys.executable, "-c", source], env=dict(os.environ, MKLDNN_VERBOSE="1", DNNL_VERBOSE="1"), timeout=120
        ).decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError) as problem:
        return "unknown", None, "a child process with DNNL_VERBOSE=1: {0}".format(problem)
    count = sum(count_primitives(text).values())
    version = re.search(r"(?:mkldnn|dnnl)_verbose,info,\D*?v(\d[\d.]*\d)", text)
    reason = "a small convolution in a child process with DNNL_VERBOSE=1: {0} primitives".format(count)
    return "on" if count else "off", version.group(1) if version else None, reason


def _verbosely(switch, step):
    if not switch(1):
        raise RuntimeError("verbose mode was refused (oneDNN was built without it)")
    try:
        step()
    finally:
        switch(0)
