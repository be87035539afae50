"""What did XLA's compiler make of a function? Read from the text of its optimised HLO."""

import re


def products(hlo):
    """(inside, outside) YNNPACK's fusions: how many `dot` and `convolution` the text of an HLO module has."""
    fused = set(re.findall(r"calls=(%[\w.-]+)[^\n]*__ynn_fusion", hlo))
    counts = {True: 0, False: 0}
    for name, body in re.findall(r"^(?:ENTRY )?(%[\w.-]+) \([^\n]*\{\n(.*?)^\}", hlo, re.MULTILINE | re.DOTALL):
        counts[name in fused] += len(re.findall(r" (?:dot|convolution)\(", body))
    return counts[True], counts[False]


def library(hlo, version):
    """XLA as `Backend.static_libraries` returns it, and whose kernels it chose: YNNPACK's or Eigen's."""
    inside, outside = products(hlo)
    how = "{0} products and convolutions in XLA's optimised HLO, {1} of them in YNNPACK's fusions"
    kernels = ["eigen"] * bool(outside) + ["ynnpack"] * bool(inside)
    return {
        "kind": "blas",
        "name": "xla",
        "version": version,
        "core": "+".join(kernels) or None,
        "how": how.format(inside + outside, inside),
    }


def left_to_xla(hlo, version):
    """[XLA], where it computes products with code of its own; [] where a GPU's libraries are called for all of them."""
    own = sum(products(hlo))
    called = len(re.findall(r'custom_call_target="__cu(?:blas|dnn)', hlo))
    how = "{0} products in XLA's optimised HLO beside {1} calls of cuBLAS and cuDNN"
    return [{"kind": "blas", "name": "xla", "version": version, "how": how.format(own, called)}] if own else []


def onednn_state(hlo):
    """(state, reason): whether XLA left something to oneDNN."""
    calls = len(re.findall(r"__onednn\$", hlo))
    reason = "{0} __onednn$ calls beside {1} products and convolutions in XLA's optimised HLO"
    return "on" if calls else "off", reason.format(calls, sum(products(hlo)))


def precision(hlo):
    """`float32` where no other type of floating-point numbers, and no 8-bit integer, is the result of anything."""
    types = set(re.findall(r" = \(?(f16|bf16|f32|f64|s8)\[", hlo))
    return "float32" if types == {"f32"} else ", ".join(sorted(types))


NAMES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64", "s8": "int8"}


def precision_of_products(hlo):
    """`bfloat16` where the operands of every `dot` and `convolution` in the optimised HLO are; `float32` where XLA has
    widened them. What sums are kept in does not matter here."""
    found = set()
    for module in re.split(r"^HloModule ", hlo, flags=re.MULTILINE):
        for body in re.split(r"^\}", module, flags=re.MULTILINE):
            types = dict(re.findall(r"(%[\w.-]+) = (\w+)\[", body))
            for operands in re.findall(r" (?:dot|convolution)\(([^)]*)\)", body):
                named = re.findall(r"(?:(\w+)\[[^ ]*\]\S* )?(%[\w.-]+)", operands)
                found.update(inline or types.get(name, "unknown") for inline, name in named)
    return ", ".join(sorted(NAMES.get(name, name) for name in found)) or "unknown: no product found"
