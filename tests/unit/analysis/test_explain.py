"""Is every difference listed by what it may explain, and does every rule say what was seen and nothing else?"""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from orchestrator.analysis.compare import compare
from orchestrator.analysis.evidence import list_differences, read_facts
from orchestrator.analysis.explain import RULES, explain
from orchestrator.analysis.trials import judge_trials
from orchestrator.nouns.job import Evidence, OneDnnEvidence, Threads
from orchestrator.nouns.variant import Blas, OneDnn, Variant
from orchestrator.report.rows import difference_lines
from orchestrator.report.tables import comparisons_table
from tests.makers import evidence, library, mkl, record, reply, timed, variant

AVX512 = ("avx", "avx2", "avx512f")
ON = OneDnnEvidence(
    state="on",
    version="3.12.0",
    primitives={
        "convolution,brg_conv_fwd:avx512_core": 26,
        "convolution,jit_dw:avx512_core": 13,
        "reorder,jit:blk": 40,
    },
)
OFF = OneDnnEvidence(state="off", version="3.12.0", reason="one step with mkldnn_set_verbose: 0 primitives")


def facts(row: Variant | None = None, **fields: Any) -> dict[str, str]:
    """What is read of one trial of this row with such evidence."""
    seen = evidence(**({"isa": AVX512} | fields))
    return read_facts(judge_trials([record(variant=row or variant(), reported=reply(evidence=seen))]))


def libraries(*names: str, **fields: Any) -> dict[str, Any]:
    return {"libraries": tuple(library(name=name, path=f"/lib/{name}", **fields) for name in names)}


PLAIN = facts()
MKL_DEF = {"libraries": (mkl(core="libmkl_def"),)}
TWO_THREADS = Threads(asked=2, process=2, busy=2)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"precision": "bfloat16"}, "precision: float32 -> bfloat16"),
        ({"arithmetic": {"denormals": "flushed: results"}}, "arithmetic: denormals: none -> flushed: results"),
        ({"threads": Threads(asked=1, process=2, busy=2)}, "busy threads: 1 -> 2"),
        ({"onednn": ON}, "oneDNN: absent -> on 3.12.0"),
        ({"onednn": ON}, "oneDNN calls per step: none -> 39 convolution, 40 reorder"),
        (
            {"onednn": ON},
            "oneDNN kernels: none -> convolution by brg_conv_fwd:avx512_core x26, jit_dw:avx512_core x13",
        ),
        (libraries("blis", version="0.9.0"), "BLAS: openblas 0.3.21 -> blis 0.9.0"),
        (libraries("openblas", core="Haswell"), "BLAS core: Cooperlake -> Haswell"),
        (libraries("openblas", threading="openmp"), "BLAS threading: pthreads -> openmp"),
        ({"isa_used": "ATen AVX2"}, "ISA used: not shown -> ATen AVX2"),
        ({"framework_version": "2.4.6"}, "framework: numpy 1.24.2 -> numpy 2.4.6"),
        ({"numpy": "2.4.6"}, "numpy: 1.24.2 -> 2.4.6"),
        ({"python": "3.8.1"}, "python: 3.11.2 -> 3.8.1"),
        (
            {"libraries": (library(), library(kind="openmp", name="libgomp", path="/lib/libgomp.so.1"))},
            "OpenMP: none -> libgomp",
        ),
        (
            {"libraries": (library(), library(kind="blas-kernel", name="libmkl_vml_def", path="/lib/libmkl_vml_def"))},
            "MKL vector kernels: none -> libmkl_vml_def",
        ),
    ],
)
def test_every_fact_that_differs_is_listed(fields: dict[str, Any], line: str) -> None:
    assert line in list_differences(PLAIN, facts(**fields))
    assert list_differences(PLAIN, facts()) == ()


def test_what_is_likeliest_to_explain_a_time_comes_first() -> None:
    other = facts(python="3.8.1", numpy="1.19", precision="bfloat16", onednn=ON, **libraries("blis", core="generic"))
    names = [line.partition(":")[0] for line in list_differences(PLAIN, other)]
    assert names == [
        "precision",
        "oneDNN",
        "oneDNN calls per step",
        "oneDNN kernels",
        "BLAS",
        "BLAS core",
        "numpy",
        "python",
    ]


def test_arithmetic_that_is_as_anyone_expects_it_is_no_difference_from_a_framework_without_that_setting() -> None:
    usual = facts(arithmetic={"denormals": "kept", "gradients": "off", "oneDNN math mode": "strict"})
    assert list_differences(PLAIN, usual) == ()
    assert list_differences(usual, facts(arithmetic={"denormals": "kept", "gradients": "on"})) == (
        "arithmetic: gradients: off -> on",
    )


def test_a_side_without_evidence_differs_in_nothing_that_was_seen() -> None:
    assert list_differences(PLAIN, {}) == ()
    assert explain({}, PLAIN) == ()


def test_the_kernel_file_of_an_mkl_that_names_none_is_its_core() -> None:
    files = (mkl(), library(kind="blas-kernel", name="libmkl_avx2", path="/lib/libmkl_avx2.so"))
    assert "BLAS core: Cooperlake -> libmkl_avx2" in list_differences(PLAIN, facts(libraries=files))


def test_what_onednn_executed_is_not_shown_where_its_verbose_mode_cannot_be_reached() -> None:
    hidden = OneDnnEvidence(state="on", version="3.7.3", reason="no mapped library exports dnnl_set_verbose: libtf.so")
    assert "oneDNN calls per step: none -> not shown" in list_differences(PLAIN, facts(onednn=hidden))
    assert "oneDNN calls per step" not in " ".join(list_differences(PLAIN, facts(onednn=OFF)))


def amd(**fields: Any) -> dict[str, str]:
    return facts(cpu_model="AMD EPYC 9B14", **fields)


Case = tuple[dict[str, Any], dict[str, Any], str]
# What is seen on the candidate's side, on the reference's side, and the sentence that follows from it.
SAID: list[Case] = [
    ({"precision": "bfloat16"}, {}, "this build computed in bfloat16, the reference in float32"),
    (
        {"arithmetic": {"denormals": "flushed: results, operands"}},
        {"arithmetic": {"denormals": "kept"}},
        (
            "subnormal numbers were taken for zero in this build: where values get that small, that may explain a "
            "large difference"
        ),
    ),
    (
        {"arithmetic": {"tf32": "off"}},
        {"arithmetic": {"tf32": "allowed"}},
        "the reference may use TensorFloat-32, which has 10 bits of mantissa, where the device has it",
    ),
    (
        {"arithmetic": {"gradients": "on"}},
        {"arithmetic": {"gradients": "off"}},
        "this build recorded what a gradient would need, beside the step itself",
    ),
    (
        {"arithmetic": {"oneDNN math mode": "bf16"}},
        {"arithmetic": {"oneDNN math mode": "strict"}},
        "oneDNN was allowed to compute float32 in bf16 in this build",
    ),
    (
        {"threads": Threads(asked=2, process=2, busy=1)},
        {"threads": TWO_THREADS},
        "only 1 of 2 threads were busy in this build",
    ),
    ({"onednn": ON}, {"onednn": OFF}, "oneDNN computed 39 convolutions per step in this build, none in the reference"),
    ({"onednn": OFF}, {"onednn": ON}, "oneDNN computed 39 convolutions per step in the reference, none in this build"),
    (
        {"onednn": OneDnnEvidence(state="on", primitives={"matmul,gemm:jit": 3, "inner_product,gemm:jit": 1})},
        {"onednn": OFF},
        "oneDNN computed 3 matrix products per step in this build, none in the reference",
    ),
    (
        {"onednn": OneDnnEvidence(state="on", reason="operators of the executed graph: 14 _MklNativeFusedConv2D; x")},
        {"onednn": OneDnnEvidence(state="off", reason="operators of the executed graph: 14 _FusedConv2D; x")},
        "14 operators of the executed graph were oneDNN's in this build, none in the reference",
    ),
    (
        {"onednn": OneDnnEvidence(state="on", primitives={"convolution,jit:avx2": 39})},
        {"onednn": ON},
        "oneDNN's widest kernels were of AVX2 in this build, of AVX-512 in the reference",
    ),
    (
        {"onednn": ON, "libraries": (mkl(core="libmkl_avx512"),)},
        {"onednn": ON},
        "oneDNN computed convolutions on both sides: the BLAS was left with the rest",
    ),
    (
        libraries("reference", core=None, version="3.11.0", threading="sequential"),
        {},
        "Netlib's reference BLAS ran in this build: unblocked Fortran, on one thread",
    ),
    (
        libraries("atlas", core="x86SSE2", version="3.10.3", threading="sequential"),
        {},
        "ATLAS runs x86SSE2 kernels on one thread: settled when it was built, not by this CPU",
    ),
    (
        libraries("blis", core="generic", version="0.9.0"),
        {},
        (
            "BLIS took generic: plain C, as it has no kernel for what it takes this CPU for, and BLIS_ARCH_TYPE would "
            "be a row of its own"
        ),
    ),
    (libraries("openblas", core="generic"), {}, "OpenBLAS took generic: plain C"),
    (
        {"cpu_model": "AMD EPYC", **MKL_DEF},
        {"cpu_model": "AMD EPYC"},
        "MKL on this AMD CPU took libmkl_def, its path for CPUs that it does not know",
    ),
    (
        {"cpu_model": "Hygon C86", **MKL_DEF},
        {"cpu_model": "Hygon C86"},
        "MKL on this CPU took libmkl_def, its path for CPUs that it does not know",
    ),
    (
        libraries("openblas", core="Barcelona", version="0.3.20"),
        {},
        (
            "OpenBLAS took Barcelona (a core of 2007): kernels without AVX, on a CPU with AVX-512, "
            "OPENBLAS_CORETYPE=SkylakeX would be a row of its own"
        ),
    ),
    (
        libraries("blis", core="haswell"),
        {},
        "BLIS took haswell (a core of 2013): kernels with AVX2 at most, on a CPU with AVX-512",
    ),
    (
        {"threads": TWO_THREADS, "libraries": (mkl(threading="sequential"),)},
        {"threads": TWO_THREADS},
        "MKL of this build is a build without threads: its products ran on one",
    ),
    (
        {"isa_used": "ATen AVX2"},
        {"isa_used": "ATen AVX512"},
        "this build says that it uses AVX2, the reference AVX-512: it may explain a part",
    ),
    (
        {
            "libraries": (
                library(),
                library(kind="openmp", name="libgomp", path="/a"),
                library(kind="openmp", name="libiomp5", path="/b"),
            )
        },
        {},
        "this build had more than one OpenMP runtime (libgomp, libiomp5): each has a pool of its own on the same CPUs",
    ),
]


@pytest.mark.parametrize(("candidate", "reference", "sentence"), SAID, ids=[sentence[:40] for _, _, sentence in SAID])
def test_a_rule_says_what_was_seen_of_the_side_that_it_was_seen_on(
    candidate: dict[str, Any], reference: dict[str, Any], sentence: str
) -> None:
    here, there = facts(**candidate), facts(**reference)
    assert sentence in explain(there, here)
    assert sentence not in explain(there, there), "no difference, nothing to explain"
    if "both sides" not in sentence:
        assert sentence not in explain(there, facts(**reference, python="3.9.9"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_held_by_a_case_above_and_names_its_source(rule: Any) -> None:
    assert rule.source
    silent = [each for each in RULES if each is not rule]
    changed = 0
    for candidate, reference, sentence in SAID:
        here, there = facts(**candidate), facts(**reference)
        if sentence in explain(there, here):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("orchestrator.analysis.explain.RULES", tuple(silent))
                changed += sentence not in explain(there, here)
    if rule.code != "onednn-products":  # beside the matrix products of its case
        assert changed, f"no case says what {rule.code} says"


def test_of_inner_products_as_of_matrix_products() -> None:
    seen = OneDnnEvidence(state="on", primitives={"inner_product,gemm:jit": 1})
    said = explain(facts(onednn=OFF), facts(onednn=seen))
    assert said == ("oneDNN computed 1 inner products per step in this build, none in the reference",)


def test_a_core_that_the_row_asks_for_was_not_the_librarys_choice() -> None:
    forced = variant(core="Haswell", tag="coretype-haswell")
    said = explain(facts(core_of(forced)), facts(forced, **libraries("openblas", core="Haswell")))
    assert said == (
        "OpenBLAS was told to take Haswell (a core of 2013): kernels with AVX2 at most, on a CPU with AVX-512",
    )


@pytest.mark.parametrize(("name", "shown"), [("blis", "BLIS"), ("openblas", "OpenBLAS")])
def test_plain_c_that_the_row_asks_for_was_not_the_librarys_choice_either(name: str, shown: str) -> None:
    forced = variant(core="generic", tag="forced", blas=Blas(name))
    said = explain(facts(core_of(forced)), facts(forced, **libraries(name, core="generic")))
    assert f"{shown} was told to take generic: plain C" in said


def core_of(row: Variant) -> Variant:
    return row.model_copy(update={"core": "", "tag": ""})


def test_nothing_is_said_of_a_core_that_nobody_knows_or_that_changed_between_blocks() -> None:
    assert explain(PLAIN, facts(**libraries("openblas", core="Zarathustra"))) == ()
    both = PLAIN | {"BLAS core": "Barcelona / Cooperlake"}
    assert explain(PLAIN, both) == ()


def test_nothing_is_said_of_onednn_where_the_other_side_could_not_be_looked_at() -> None:
    hidden = OneDnnEvidence(state="on", reason="no mapped library exports dnnl_set_verbose: libtf.so")
    assert not any("none in" in sentence for sentence in explain(facts(onednn=hidden), facts(onednn=ON)))


GOMP = library(kind="openmp", name="libgomp", path="/lib/libgomp.so.1")


@pytest.mark.parametrize(
    ("row", "fields", "sentence"),
    [
        (
            variant(blas=Blas.MKL),
            {"numpy": "2.4.6", "libraries": (mkl(core="libmkl_avx512"), GOMP)},
            "more than the BLAS differs: OpenMP none -> libgomp, numpy 1.24.2 -> 2.4.6",
        ),
        (
            variant(onednn=OneDnn.ON, tag="onednn-on"),
            {"onednn": ON, "python": "3.9.1"},
            "more than the oneDNN differs: python 3.11.2 -> 3.9.1",
        ),
        (variant(tag="twin"), {"python": "3.9.1"}, "more than the tag differs: python 3.11.2 -> 3.9.1"),
    ],
)
def test_what_differs_beyond_the_labels_is_said(row: Variant, fields: dict[str, Any], sentence: str) -> None:
    assert explain(PLAIN, facts(row, **fields))[-1] == sentence


@pytest.mark.parametrize(
    "row",
    [variant(framework="pytorch"), variant(version="2.4.6"), variant(install="pip")],
    ids=["framework", "version", "install"],
)
def test_another_framework_brings_its_own_numpy_and_openmp_and_that_surprises_nobody(row: Variant) -> None:
    said = explain(PLAIN, facts(row, numpy="2.4.6", libraries=(library(), GOMP)))
    assert not any(sentence.startswith("more than") for sentence in said)


def test_a_comparison_carries_its_explanation_into_every_format() -> None:
    slow = variant(blas=Blas.ATLAS)
    records = [timed(row, block, 0.1 * factor) for row, factor in ((variant(), 1), (slow, 3)) for block in range(6)]
    found = compare(records, variant().id, slow.id)
    assert found.items[0].explained[0].startswith("ATLAS runs ")
    for form in ("csv", "json", "markdown"):
        assert "ATLAS runs" in str(comparisons_table(found, form)), form


def test_a_record_of_the_first_version_has_no_arithmetic_and_is_read_all_the_same() -> None:
    assert Evidence(**evidence().model_dump(exclude={"arithmetic"})).arithmetic == {}


def test_a_library_that_keeps_its_choice_to_itself_is_not_said_to_have_made_none() -> None:
    static = library(name="mkl", version="2024.2", core=None, threading=None, linked="static")
    silent = list_differences(PLAIN, facts(libraries=(static,)))
    assert silent[1:] == ("BLAS core: Cooperlake -> not shown", "BLAS threading: pthreads -> not shown")
    reference = facts(**libraries("reference", core=None, version="3.11.0", threading="sequential"))
    assert "BLAS core: Cooperlake -> none" in list_differences(PLAIN, reference)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_explanation_is_whole_on_a_terminal_of_any_width(width: int) -> None:
    slow = variant(blas=Blas.ATLAS)
    records = [timed(row, block, 0.1 * factor) for row, factor in ((variant(), 1), (slow, 3)) for block in range(6)]
    console = Console(width=width, file=StringIO())
    console.print(comparisons_table(compare(records, variant().id, slow.id)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, shown.splitlines())) <= width
    words = " ".join(shown.split())
    assert "→ ATLAS runs" in words
    assert ("what differed" in words) == (width == 200), "beside the verdict where there is room, else below"


def test_where_nothing_differs_that_was_looked_at_it_is_said() -> None:
    twin = variant(tag="twin")
    records = [timed(row, block, 0.1) for row in (variant(), twin) for block in range(6)]
    found = compare(records, variant().id, twin.id)
    assert difference_lines(found.items[0]) == ("nothing that was looked at",)
