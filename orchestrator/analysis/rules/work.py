"""What did one build compute that the other did not, or not so: precision, arithmetic, threads, oneDNN?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.evidence import ARITHMETIC, NOT_SHOWN
from orchestrator.analysis.kernels import is_narrower
from orchestrator.analysis.rules.view import Rule, View

if TYPE_CHECKING:
    from collections.abc import Callable


def _narrow_bits(view: View) -> bool:
    return view.says("precision") != "float32"


def _flushed(view: View) -> bool:
    return "flushed" in view.says(f"{ARITHMETIC}denormals")


def _setting(name: str, words: tuple[str, ...]) -> Callable[[View], bool]:
    return lambda view: any(word in view.says(f"{ARITHMETIC}{name}") for word in words)


def _idle(view: View) -> bool:
    return 0 < view.least("busy threads") < view.least("threads asked")


def _calls(view: View, kind: str) -> int:
    """How often oneDNN computed something of this kind in one step."""
    found = re.search(rf"(\d+) {kind}\b", view.says("oneDNN calls per step"))
    return int(found[1]) if found else 0


def _only_here(kind: str) -> Callable[[View], bool]:
    """oneDNN computed it on this side; on the other it was looked for, and there was none."""
    return lambda view: (
        _calls(view, kind) > 0
        and _calls(view.turned(), kind) == 0
        and NOT_SHOWN not in view.there.get("oneDNN calls per step", "")
    )


def _hidden_blas(view: View) -> bool:
    # Said once, from the candidate's side: it is true of both.
    return view.who == "this build" and _calls(view, "convolution") > 0 and _calls(view.turned(), "convolution") > 0


def _operators(view: View) -> int:
    return sum(int(count) for count in re.findall(r"(\d+) _Mkl", view.says("oneDNN operators")))


def _onednn_level(view: View) -> str:
    for word, level in (("avx512", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"), ("sse41", "SSE")):
        if word in view.says("oneDNN kernels"):
            return level
    return ""


def _onednn_rule(code: str, kind: str, words: str) -> Rule:
    return Rule(
        code,
        "oneDNN calls per step",
        _only_here(kind),
        lambda view: f"oneDNN computed {_calls(view, kind)} {words} per step in {view.who}, none in {view.other}",
        "oneDNN developer guide, verbose mode: one line per executed primitive",
    )


RULES = (
    Rule(
        "precision",
        "precision",
        _narrow_bits,
        lambda view: f"{view.who} computed in {view.says('precision')}, {view.other} in {view.there.get('precision')}",
        "read back from the framework; a bfloat16 has 8 bits of mantissa, a float32 24: IEEE 754, and Intel's white "
        "paper on bfloat16 of 2018",
    ),
    Rule(
        "denormals",
        f"{ARITHMETIC}denormals",
        _flushed,
        lambda view: (
            f"subnormal numbers were taken for zero in {view.who}: where values get that small, that may "
            "explain a large difference"
        ),
        "MXCSR's FTZ and DAZ: Intel 64 Software Developer's Manual, volume 1, 10.2.3; products of subnormals take a "
        "microcode assist",
    ),
    Rule(
        "tf32",
        f"{ARITHMETIC}tf32",
        _setting("tf32", ("allowed", "on")),
        lambda view: f"{view.who} may use TensorFloat-32, which has 10 bits of mantissa, where the device has it",
        "PyTorch, notes on CUDA semantics: TensorFloat-32",
    ),
    Rule(
        "gradients",
        f"{ARITHMETIC}gradients",
        _setting("gradients", ("on",)),
        lambda view: f"{view.who} recorded what a gradient would need, beside the step itself",
        "PyTorch, notes on autograd mechanics: locally disabling gradient computation",
    ),
    Rule(
        "math-mode",
        f"{ARITHMETIC}oneDNN math mode",
        lambda view: view.says(f"{ARITHMETIC}oneDNN math mode") not in {"", "strict"},
        lambda view: (
            f"oneDNN was allowed to compute float32 in {view.says(f'{ARITHMETIC}oneDNN math mode')} in {view.who}"
        ),
        "oneDNN developer guide, primitive attributes: floating-point math mode",
    ),
    Rule(
        "idle-threads",
        "busy threads",
        _idle,
        lambda view: (
            f"only {view.least('busy threads')} of {view.least('threads asked')} threads were busy in {view.who}"
        ),
        "schedstat of every thread over the timed region",
    ),
    _onednn_rule("onednn-convolutions", "convolution", "convolutions"),
    _onednn_rule("onednn-products", "inner_product", "inner products"),
    _onednn_rule("onednn-matmuls", "matmul", "matrix products"),
    Rule(
        "onednn-operators",
        "oneDNN operators",
        lambda view: _operators(view) > 0 and _operators(view.turned()) == 0,
        lambda view: (
            f"{_operators(view)} operators of the executed graph were oneDNN's in {view.who}, none in {view.other}"
        ),
        "RunMetadata of TensorFlow: the graph after its own rewriting",
    ),
    Rule(
        "onednn-isa",
        "oneDNN kernels",
        lambda view: is_narrower(_onednn_level(view), _onednn_level(view.turned())),
        lambda view: (
            f"oneDNN's widest kernels were of {_onednn_level(view)} in {view.who}, of "
            f"{_onednn_level(view.turned())} in {view.other}"
        ),
        "oneDNN developer guide, verbose mode: the implementation's name ends in its instruction set",
    ),
    Rule(
        "onednn-hides-blas",
        "BLAS",
        _hidden_blas,
        lambda _: "oneDNN computed convolutions on both sides: the BLAS was left with the rest",
        "oneDNN developer guide, verbose mode",
    ),
)
