"""Which text may a row bring into a Dockerfile? Everything that is not plainly a name, a version or a path is refused.

A row never holds a command: its fields become names of packages, lines of a requirement file and JSON strings. What
these patterns let through has no meaning to a shell, to Docker's parser, to pip's or to Jinja.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.nouns.variant import Blas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.nouns.variant import Variant

# Debian Policy 5.6.1: at least two characters of lower case, digits, plus, minus, full stop; not a sign first.
APT = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}")
BASE = re.compile(
    r"debian:bookworm-slim"
    r"|python:(?P<python>3\.[0-9]{1,2})-slim-bookworm"
    r"|nvidia/cuda:1[23]\.[0-9]{1,2}\.[0-9]{1,2}-cudnn-devel-ubuntu22\.04"
)
UBUNTU_PYTHON = "3.10"  # of 22.04
GIT = re.compile(r"https://github\.com/[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}@[0-9a-f]{40}")
ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
ENV_VALUE = re.compile(r"[A-Za-z0-9_.,:/+=@%-]{0,200}")
SETUP_ARG = re.compile(r"[a-z][a-z0-9_-]{0,40}=[A-Za-z0-9][A-Za-z0-9_.+-]{0,59}")
ALTERNATIVE = re.compile(r"/usr/lib/[a-z0-9_]+-linux-gnu/[A-Za-z0-9_.+/-]{1,100}")
LINKED = re.compile(r"lib[A-Za-z0-9_+-]+\.so[0-9.]*")
# What numpy.distutils takes its BLAS from; no other variable of a compile has been needed.
BUILD_ENV = re.compile(r"NPY_[A-Z_]{1,40}")
# What PyTorch's setup.py takes its parts, its version and its architectures from.
SWITCH = re.compile(r"(USE|PYTORCH_BUILD)_[A-Z_]{1,40}|BLAS|BUILD_TEST|TORCH_CUDA_ARCH_LIST")
SWITCH_VALUE = re.compile(r"[A-Za-z0-9.+]{1,40}")
BUILD_VALUE = re.compile(r"(-l:?[A-Za-z0-9_+][A-Za-z0-9_.+-]{0,60})|[a-z0-9,]{0,40}")
# Where the authors of a framework released it: their own repository, never an index or somebody's copy.
SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
ARCHIVE_URL = re.compile(rf"https://github\.com/{SEGMENT}/{SEGMENT}/archive/(refs/tags/)?{SEGMENT}\.tar\.gz")
ARCHIVE_FILE = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}\.tar\.gz")
SHA256 = re.compile(r"[0-9a-f]{64}")
COMPONENTS = ("main", "contrib", "non-free", "non-free-firmware")
# Two shapes of a requirement and no third: an exact pin, or an upper bound that the lock resolves to one.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
REQUIREMENT = re.compile(rf"(?P<name>{NAME})(?P<operator>==|<)(?P<version>[0-9A-Za-z.+!]{{1,60}})")
# Debian's package -> the BLAS that it is and where it registers itself as an alternative of libblas.so.3.
TRIPLET = "x86_64-linux-gnu"
PROVIDERS = {
    "libblas3": (Blas.REFERENCE, f"/usr/lib/{TRIPLET}/blas/libblas.so.3"),
    "libatlas3-base": (Blas.ATLAS, f"/usr/lib/{TRIPLET}/atlas/libblas.so.3"),
    "libopenblas0-pthread": (Blas.OPENBLAS, f"/usr/lib/{TRIPLET}/openblas-pthread/libblas.so.3"),
    "libopenblas0-openmp": (Blas.OPENBLAS, f"/usr/lib/{TRIPLET}/openblas-openmp/libblas.so.3"),
    "libblis4-openmp": (Blas.BLIS, f"/usr/lib/{TRIPLET}/blis-openmp/libblas.so.3"),
    "libblis4-pthread": (Blas.BLIS, f"/usr/lib/{TRIPLET}/blis-pthread/libblas.so.3"),
    "libmkl-rt": (Blas.MKL, f"/usr/lib/{TRIPLET}/libmkl_rt.so"),
}
# Variables that would load code of the caller's choice or undo what the harness sets.
FORBIDDEN_ENV = {
    "PATH",
    "HOME",
    "TMPDIR",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "MKL_DYNAMIC",
    "OMP_DYNAMIC",
    "BENCH_PAD",
}
FORBIDDEN_PART = re.compile(r"PYTHON.*|.*_(NUM|MAXIMUM)_THREADS|TF_NUM_INT(RA|ER)OP_THREADS")
# The one library that may be preloaded: MKL's GNU layer expects it to be there.
PRELOADS = {"libgomp.so.1"}


def requirement_problem(text: str) -> str:
    """Why this is no requirement that a row may name; empty where it is one."""
    from packaging.requirements import InvalidRequirement, Requirement

    match = REQUIREMENT.fullmatch(text)
    if match is None:
        return "`name==version`, or `name<version` where the lock is to choose: no URL, marker, extra, option or blank"
    try:
        Requirement(text)
    except InvalidRequirement as error:
        return f"a requirement that packaging can read ({error})"
    return ""


def pin_problem(text: str) -> str:
    """As `requirement_problem`, and an upper bound is not enough."""
    match = REQUIREMENT.fullmatch(text)
    return requirement_problem(text) or ("" if match and match["operator"] == "==" else "`name==version`")


def env_problem(name: str, value: str) -> str:
    """Why a row may not set this variable to this value; empty where it may."""
    if not ENV_NAME.fullmatch(name):
        return "a name of capital letters, digits and underscores"
    if name in FORBIDDEN_ENV or FORBIDDEN_PART.fullmatch(name):
        return "a variable that steers a kernel; this one is the harness's own, or changes which code is run"
    if name == "LD_PRELOAD" and value not in PRELOADS:
        return f"one of {', '.join(sorted(PRELOADS))}"
    return "" if ENV_VALUE.fullmatch(value) else "a value of letters, digits and _ . , : / + = @ % - alone"


def base_problem(base: str, python: str) -> str:
    """Why no image may be built on this base; empty where one may."""
    match = BASE.fullmatch(base)
    if match is None:
        return "`debian:bookworm-slim`, `python:X.Y-slim-bookworm` or `nvidia/cuda:X.Y.Z-cudnn-devel-ubuntu22.04`"
    if base.startswith("nvidia/") and python != UBUNTU_PYTHON:
        return f"a base with Python {python}; that of Ubuntu 22.04 is {UBUNTU_PYTHON}"
    if match["python"] not in {None, python}:
        return f"python:{python}-slim-bookworm, as `python` says {python}"
    return ""


def find_problems(variant: Variant) -> Iterator[tuple[str, str, str]]:
    """Every field that may not become part of an image, as (key, value, what was expected)."""
    yield from _lists(variant)
    for name, value in variant.env.items():
        if expected := env_problem(name, value):
            yield f"env.{name}", value, expected
    if expected := base_problem(variant.base, variant.python):
        yield "base", variant.base, expected
    if variant.blas_alternative and not _plain_path(variant.blas_alternative):
        yield "blas_alternative", variant.blas_alternative, "a path of a library under /usr/lib/<triplet>/"
    if variant.source and not LINKED.fullmatch(variant.source.expect_linked):
        yield "source.expect_linked", variant.source.expect_linked, "the name of a shared library, such as libblas.so.3"
    if variant.source and (expected := pin_problem(variant.source.requirement)):
        yield "source.requirement", variant.source.requirement, expected
    for wanted, found in variant.links.items():
        for soname in (wanted, found):
            if not LINKED.fullmatch(soname):
                yield f"links.{wanted}", soname, "the name of a shared library, such as libmpi.so.40"
    for name, value in (variant.source.build_env if variant.source else {}).items():
        links = BUILD_ENV.fullmatch(name) and BUILD_VALUE.fullmatch(value)
        if not links and not (SWITCH.fullmatch(name) and SWITCH_VALUE.fullmatch(value)):
            expected = "a variable NPY_... with a library to link (-l...) or names, or a switch of PyTorch's build"
            yield f"source.build_env.{name}", value, expected
    if variant.source and variant.source.git and not GIT.fullmatch(variant.source.git):
        yield "source.git", variant.source.git, "https://github.com/<owner>/<name>@<40 hex digits of a commit>"
    yield from _recipe(variant)
    yield from _program(variant)
    yield from _combination(variant)


def _recipe(variant: Variant) -> Iterator[tuple[str, str, str]]:
    recipe = variant.recipe
    if recipe is None:
        return
    if bool(recipe.requirement) == bool(recipe.archives):
        yield "recipe.requirement", recipe.requirement, "a requirement, or archives in its place"
    if recipe.requirement and (expected := pin_problem(recipe.requirement)):
        yield "recipe.requirement", recipe.requirement, expected
    for archive in recipe.archives:
        if not ARCHIVE_FILE.fullmatch(archive.file):
            yield "recipe.archives.file", archive.file, "a name of small letters, digits and . _ - that ends in .tar.gz"
        if not ARCHIVE_URL.fullmatch(archive.url):
            yield "recipe.archives.url", archive.url, "https://github.com/OWNER/NAME/archive/REF.tar.gz"
        if not SHA256.fullmatch(archive.sha256) and (archive.sha256 or not variant.unverified):
            yield (
                "recipe.archives.sha256",
                archive.sha256,
                "64 hexadecimal digits; none only in a row that is `unverified`",
            )
    if len({archive.file for archive in recipe.archives}) < len(recipe.archives):
        yield "recipe.archives.file", recipe.archives[0].file, "a name of its own for each archive"


def _program(variant: Variant) -> Iterator[tuple[str, str, str]]:
    """It is compiled against wheels, by packages that stay in its stage."""
    if variant.program and (variant.install != "pip" or variant.sdists or not variant.build_apt):
        yield "program", variant.program, "wheels in `pip`, no `sdists`, and in `build_apt` what compiles it"


def _plain_path(path: str) -> bool:
    return bool(ALTERNATIVE.fullmatch(path)) and ".." not in path


def _lists(variant: Variant) -> Iterator[tuple[str, str, str]]:
    def debian(name: str) -> str:
        return "" if APT.fullmatch(name) else "the name of a Debian package, without a version"

    def distribution(name: str) -> str:
        return "" if re.fullmatch(NAME, name) else "the name of a distribution, without a version"

    def component(name: str) -> str:
        return "" if name in COMPONENTS else f"one of {', '.join(COMPONENTS)}"

    def setup_arg(text: str) -> str:
        return "" if SETUP_ARG.fullmatch(text) else "`option=value`, as Meson takes it after -D"

    source = variant.source
    checks: list[tuple[str, Iterable[str], Callable[[str], str]]] = [
        ("pip", variant.pip, requirement_problem),
        ("apt", variant.apt, debian),
        ("blas_apt", variant.blas_apt, debian),
        ("components", variant.components, component),
        ("sdists", variant.sdists, distribution),
        ("build_pip", variant.build_pip, pin_problem),
        ("build_apt", variant.build_apt, debian),
        ("recipe.build_apt", variant.recipe.build_apt if variant.recipe else (), debian),
        ("source.build_apt", source.build_apt if source else (), debian),
        ("source.build_pip", source.build_pip if source else (), pin_problem),
        ("source.setup_args", source.setup_args if source else (), setup_arg),
    ]
    for key, values, problem in checks:
        for value in values:
            if expected := problem(value):
                yield key, value, expected


def _combination(variant: Variant) -> Iterator[tuple[str, str, str]]:
    """What a way of installing needs, and what it has no use for."""
    debian = variant.base.startswith("debian:")
    if variant.install == "distro":
        if not debian or variant.pip or variant.sdists or not variant.apt:
            yield "install", "distro", "a Debian base, packages in `apt`, and no `pip`"
        if not variant.blas_apt:
            yield "blas_apt", "", "the packages of one BLAS provider"
    elif variant.recipe is not None:
        if debian == bool(variant.pip) or variant.sdists:
            yield (
                "recipe",
                variant.recipe.name,
                "a Debian base without `pip`, or a Python base with it, and no `sdists`",
            )
    elif debian or not variant.pip:
        yield "install", variant.install, "a Python base and requirements in `pip`"
    if variant.base.startswith("nvidia/") and (
        variant.device != "cuda" or variant.install != "source" or "python3-pip" not in variant.apt
    ):
        yield "base", variant.base, "a base of a CUDA row that is compiled, with python3-pip in `apt`"
    if bool(variant.sdists) != bool(variant.build_pip) and not variant.source:
        yield (
            "build_pip",
            " ".join(variant.build_pip),
            "pins of what makes wheels where `sdists` are named, nowhere else",
        )
    pins = [*([variant.source.requirement] if variant.source else []), *variant.pip]
    if (
        pins
        and variant.recipe is None
        and not any(REQUIREMENT.fullmatch(pin) and _pins(pin, variant.version) for pin in pins)
    ):
        yield "version", variant.version, f"the version that {' or '.join(pins)} pins"
    yield from _provider(variant)
    made = (variant.source is not None) + (variant.recipe is not None)
    if made != (variant.install == "source"):
        yield (
            "source",
            "",
            "one table, [variant.source] or [variant.recipe], where `install` is source, and nowhere else",
        )


def _pins(requirement: str, version: str) -> bool:
    # A local version (`+cpu`) names a build of the release, not another release.
    return requirement.partition("==")[2].partition("+")[0] == version


def _provider(variant: Variant) -> Iterator[tuple[str, str, str]]:
    """One provider answers for libblas.so.3, and it is the one that the row claims."""
    found = {name: PROVIDERS[name] for name in variant.blas_apt if name in PROVIDERS}
    if variant.blas_apt and not found:
        yield "blas_apt", " ".join(variant.blas_apt), f"a provider: {', '.join(PROVIDERS)}"
    if variant.blas_alternative:
        found = {name: value for name, value in found.items() if value[1] == variant.blas_alternative}
        if not found:
            yield "blas_alternative", variant.blas_alternative, "a path that a package in `blas_apt` registers"
    if len(found) > 1:
        yield "blas_apt", " ".join(found), "one provider: a second one may answer under the first one's name"
    for name, (blas, _) in found.items():
        if blas is not variant.blas:
            yield "blas", variant.blas, f"{blas}, as {name} is that"
