"""Is everything refused that would mean something to a shell, to Docker, to pip or to Jinja?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.catalog.fields import env_problem, find_problems, requirement_problem
from orchestrator.catalog.rows import read_variants
from orchestrator.errors import SpecError
from orchestrator.nouns.variant import Archive, Recipe, Source, Variant
from orchestrator.nouns.workload import Network, Suite
from tests.makers import variant

PAYLOADS = [
    "1.0\nRUN x",
    "1.0\r\nRUN x",
    "$(id)",
    "`id`",
    ";id",
    "a;b",
    "a\\",
    "\\",
    "a && b",
    "a|b",
    "a>b",
    "<<E",
    "# syntax=evil",
    "{{7*7}}",
    "{% raw %}",
    "--index-url=http://e",
    "-e git+https://e/x",
    "git+https://e/x",
    "x @ https://e/x.whl",
    "numpy==1.0 --hash=sha256:00",
    "numpy==1.0; python_version<'4'",
    "numpy[extra]==1.0",
    "numpy>=1.0",
    "numpy",
    "numpy==1.*",
    "-rf",
    "../etc/passwd",
    '"quoted"',
    "'quoted'",
    "a b",
    "a\tb",
    "a\x00b",
    "caf\u00e9",
    "\u202eb",
    "x" * 300,
    "",
]


def bare(**fields: Any) -> Variant:
    """A row past validation: what a caller of Python could hand to the renderer."""
    base = variant(blas_apt=("libopenblas0-pthread",), apt=("python3-numpy",))
    return base.model_copy(update=fields)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("key", ["pip", "apt", "blas_apt", "components"])
def test_no_list_of_a_row_takes_anything_but_plain_names(key: str, payload: str) -> None:
    assert (
        key in {found[0] for found in find_problems(bare(**{key: (payload,)}))}
        or (key == "apt" and payload == "numpy")
        or (key == "blas_apt" and payload == "numpy")
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_base_but_three_families_is_built_on(payload: str) -> None:
    assert "base" in {found[0] for found in find_problems(bare(base=payload))}
    assert "base" in {found[0] for found in find_problems(bare(base=f"debian:bookworm-slim{payload}"))} or not payload


CUDA_BASE = "nvidia/cuda:12.9.1-cudnn-devel-ubuntu22.04"
COMMIT = f"https://github.com/pytorch/pytorch@{'c' * 40}"


def compiled_for_cuda(**fields: Any) -> Variant:
    """PyTorch from its repository on NVIDIA's image."""
    source = Source(requirement="torch==2.13.0", git=COMMIT, build_env={"USE_CUDA": "1"}, expect_linked="libcublas.so")
    row = {
        "version": "2.13.0",
        "install": "source",
        "blas": "cublas",
        "device": "cuda",
        "python": "3.10",
        "base": CUDA_BASE,
        "apt": ("python3-pip",),
        "pip": ("numpy==2.2.6",),
        "source": source,
    }
    return variant(**(row | fields))


def test_nvidias_base_is_for_what_is_compiled_for_cuda_on_its_own_python() -> None:
    assert not list(find_problems(compiled_for_cuda()))
    changes: tuple[dict[str, Any], ...] = (
        {"base": "nvidia/cuda:12.9.1-base-ubuntu22.04"},
        {"base": "nvidia/cuda:latest"},
        {"base": f"elsewhere/{CUDA_BASE}"},
        {"python": "3.11"},
        {"device": "cpu"},
        {"install": "pip", "source": None},
        {"apt": ("python3",)},
    )
    for fields in changes:
        assert "base" in {key for key, _, _ in find_problems(compiled_for_cuda(**fields))}, fields


@pytest.mark.parametrize("payload", [text for text in PAYLOADS if text not in {"", "numpy"}] + [COMMIT[:-1]])
def test_sources_come_from_a_commit_of_a_repository_and_their_switches_are_plain_words(payload: str) -> None:
    for git in (payload, COMMIT + payload):
        source = Source(requirement="torch==2.13.0", git=git)
        assert "source.git" in {key for key, _, _ in find_problems(compiled_for_cuda(source=source))}
    source = Source(requirement="torch==2.13.0", git=COMMIT, build_env={"USE_CUDA": payload, payload: "1"})
    found = {key for key, _, _ in find_problems(compiled_for_cuda(source=source))}
    assert {"source.build_env.USE_CUDA", f"source.build_env.{payload}"} <= found


@pytest.mark.parametrize("payload", [text for text in PAYLOADS if text not in {"", "numpy"}])
def test_no_part_of_a_source_build_takes_more_than_a_name(payload: str) -> None:
    good = Source(requirement="numpy==1.24.2", expect_linked="libblas.so.3")
    for field, value in (
        ("requirement", payload),
        ("build_apt", (payload,)),
        ("build_pip", (payload,)),
        ("setup_args", (payload,)),
        ("setup_args", (f"blas={payload}",)),
        ("expect_linked", payload),
    ):
        row = bare(source=good.model_copy(update={field: value}))
        assert f"source.{field}" in {found[0] for found in find_problems(row)}, field


@pytest.mark.parametrize("payload", [text for text in PAYLOADS if text not in {"", "numpy"}])
def test_no_part_of_a_wheel_made_from_source_takes_more_than_a_name(payload: str) -> None:
    for key in ("sdists", "build_pip", "build_apt"):
        assert key in {found[0] for found in find_problems(bare(**{key: (payload,)}))}, key
    for links in ({payload: "libmpi.so.40"}, {"libmpi.so.12": payload}):
        assert any(found[0].startswith("links.") for found in find_problems(bare(links=links)))
    source = Source(requirement="numpy==1.24.2", expect_linked="libblas.so.3")
    for env in ({payload: "-lblas"}, {"NPY_BLAS_LIBS": payload}, {"LD_PRELOAD": "x"}):
        row = bare(source=source.model_copy(update={"build_env": env}))
        assert any(found[0].startswith("source.build_env.") for found in find_problems(row)), env


def test_what_makes_wheels_is_named_where_wheels_are_made_and_nowhere_else() -> None:
    row = bare(sdists=("gast",))
    assert ("build_pip", "") in {found[:2] for found in find_problems(row)}
    row = bare(build_pip=("setuptools==59.8.0",))
    assert "build_pip" in {found[0] for found in find_problems(row)}


def test_a_program_is_compiled_against_wheels_by_something() -> None:
    fitting = {"program": "pytorch", "build_apt": ("g++",), "install": "pip"}
    assert "program" not in {found[0] for found in find_problems(bare(**fitting))}
    for wrong in ({"build_apt": ()}, {"sdists": ("gast",)}, {"install": "source"}):
        assert "program" in {found[0] for found in find_problems(bare(**{**fitting, **wrong}))}, wrong
    for name in ("../x", "a b", "A", "x.j2", "x\n"):
        with pytest.raises(ValidationError):
            Variant.model_validate({**bare().model_dump(), "program": name})


ARCHIVE = Archive(file="nn.tar.gz", url="https://github.com/torch/nn/archive/v1.tar.gz", sha256="0" * 64)
RECIPE = Recipe(name="torch7", archives=(ARCHIVE,))


def recipe_problems(**fields: Any) -> set[str]:
    row = bare(install="source", recipe=RECIPE.model_copy(update=fields))
    return {found[0] for found in find_problems(row) if found[0].startswith("recipe")}


@pytest.mark.parametrize("payload", [text for text in PAYLOADS if text not in {"", "numpy"}])
def test_no_part_of_a_recipe_takes_more_than_a_name_an_address_of_its_authors_and_a_hash(payload: str) -> None:
    assert recipe_problems() == set()
    assert recipe_problems(build_apt=(payload,)) == {"recipe.build_apt"}
    assert recipe_problems(archives=(), requirement=payload) == {"recipe.requirement"}
    for field, value in (
        ("file", payload),
        ("file", f"{payload}.tar.gz"),
        ("url", payload),
        ("url", f"https://github.com/torch/nn/archive/{payload}.tar.gz"),
        ("sha256", payload),
    ):
        archives = (ARCHIVE.model_copy(update={field: value}),)
        assert recipe_problems(archives=archives) == {f"recipe.archives.{field}"}, (field, value)


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com/torch/nn/archive/v1.tar.gz",
        "https://github.com.evil.test/torch/nn/archive/v1.tar.gz",
        "https://github.com/torch/../archive/v1.tar.gz",
        "https://github.com/torch/nn/archive/v1.tar.gz?x=1",
        "https://user@github.com/torch/nn/archive/v1.tar.gz",
        "https://mirror.test/torch/nn/archive/v1.tar.gz",
        "https://github.com/torch/nn/releases/latest",
    ],
)
def test_an_archive_comes_from_its_authors_repository_and_nowhere_else(url: str) -> None:
    assert recipe_problems(archives=(ARCHIVE.model_copy(update={"url": url}),)) == {"recipe.archives.url"}


def test_an_archive_without_a_hash_is_let_into_a_row_that_nobody_has_run_alone() -> None:
    recipe = RECIPE.model_copy(update={"archives": (ARCHIVE.model_copy(update={"sha256": ""}),)})
    for unverified, expected in (("", {"recipe.archives.sha256"}), ("never fetched", set())):
        row = bare(install="source", recipe=recipe, unverified=unverified)
        assert {key for key, _, _ in find_problems(row) if key.startswith("recipe")} == expected


def test_a_recipe_has_one_source_and_stands_where_a_source_may() -> None:
    assert recipe_problems(requirement="caffe==1.0") == recipe_problems(archives=()) == {"recipe.requirement"}
    assert recipe_problems(archives=(ARCHIVE, ARCHIVE)) == {"recipe.archives.file"}
    assert "source" in {key for key, _, _ in find_problems(bare(recipe=RECIPE))}


@pytest.mark.parametrize("payload", [text for text in PAYLOADS if text])
def test_no_alternative_is_set_but_a_library_of_a_package_that_is_installed(payload: str) -> None:
    assert "blas_alternative" in {found[0] for found in find_problems(bare(blas_alternative=payload))}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMP_NUM_THREADS", "1\nRUN x"),
        ("X", "$(id)"),
        ("X", '"'),
        ("X", "a b"),
        ("X", "{{7*7}}"),
        ("x", "1"),
        ("A=B", "1"),
        ("LD_PRELOAD", "/evil.so"),
        ("PATH", "/evil"),
        ("PYTHONPATH", "/evil"),
        ("LD_LIBRARY_PATH", "/evil"),
    ],
)
def test_a_variable_that_is_more_than_a_setting_is_refused(name: str, value: str) -> None:
    assert env_problem(name, value)
    assert f"env.{name}" in {found[0] for found in find_problems(bare(env={name: value}))}


@pytest.mark.parametrize("text", ["numpy==2.4.6", "torch==2.13.0+cpu", "numpy<2", "mkl-devel==2026.2.0"])
def test_a_pin_and_an_upper_bound_are_requirements(text: str) -> None:
    assert not requirement_problem(text)


@given(st.text(max_size=60))
def test_whatever_is_let_through_has_no_character_with_a_meaning(text: str) -> None:
    if not requirement_problem(text):
        assert not set(text) & set(" \t\r\n\\\"'`$;&|<>(){}[]#@*?~^:/") - {"<"}


@pytest.mark.parametrize("payload", ["1.0\\nRUN x", "$(id)", "{{7*7}}", "--index-url=http://e"])
def test_a_file_with_such_a_value_is_refused_with_its_key(tmp_path: Path, payload: str) -> None:
    (tmp_path / "numpy.toml").write_text(
        '[[variant]]\nframework = "numpy"\nbackend = "numpy_blas"\npython = "3.11"\nversion = "1.24.2"\n'
        'install = "distro"\nblas = "openblas"\nbase = "debian:bookworm-slim"\n'
        f'blas_apt = ["libopenblas0-pthread"]\napt = ["{payload}"]\n'
    )
    with pytest.raises(SpecError, match=r"numpy\.toml, row 1 .*key apt: .* is not allowed; expected the name of a Deb"):
        read_variants(tmp_path)


SCALARS: dict[str, set[str]] = {
    "framework": {"numpy"},
    "version": {"1.24.2"},
    "tag": {"", "numpy"},
    "python": set(),
    "base": set(),
    "backend": {"numpy"},
    "program": {""},
    "blas_alternative": {""},
    "core": {"", "numpy", "a b"},
}
"""Field of a row -> what of the payloads is a name there."""
NAMES = [
    "a..b",
    "..",
    ".",
    "con",
    "CON",
    "nul",
    "com1",
    "lpt9",
    "con.txt",
    "aux.",
    "1.0.",
    "1..0",
    "a/b",
    "a\n",
    "a" * 65,
]


@pytest.mark.parametrize("payload", [*PAYLOADS, *NAMES])
@pytest.mark.parametrize("key", SCALARS)
def test_no_scalar_of_a_row_takes_more_than_a_name(key: str, payload: str) -> None:
    if payload in SCALARS[key]:
        return
    try:
        row = variant(blas_apt=("libopenblas0-pthread",), apt=("python3-numpy",), **{key: payload})
    except ValidationError:
        return
    assert key in {found[0] for found in find_problems(row)}, row.id


def test_every_scalar_of_a_row_is_in_that_list_or_is_prose() -> None:
    scalars = {name for name, field in Variant.model_fields.items() if field.annotation is str}
    assert scalars - set(SCALARS) == {"why", "unverified"}


NETWORK = {"title": "", "source": "", "inputs": {}, "outputs": (), "compared": "", "parameters": 0, "nodes": ()}


@pytest.mark.parametrize("payload", [*(text for text in PAYLOADS if text != "numpy"), *NAMES])
def test_a_recipe_a_network_and_a_suite_have_names(payload: str) -> None:
    for kind, fields in ((Recipe, {}), (Network, NETWORK), (Suite, {"title": "", "workloads": (), "method": {}})):
        assert isinstance(kind, type(Variant))
        kind.model_validate({"name": "plain", **fields})
        with pytest.raises(ValidationError):
            kind.model_validate({"name": payload, **fields})
