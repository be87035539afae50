"""Which instructions should the Dockerfile of a row have, by its fields alone?

Written without the templates, so that neither a slip in one nor a value that changes its meaning goes unseen. What a
recipe or a program compiles is too long to be said twice: it is known by its hash.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.catalog.fields import PROVIDERS, REQUIREMENT, TRIPLET
from orchestrator.render import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.nouns.variant import Recipe, Variant

SHELL = '["/bin/bash", "-e", "-o", "pipefail", "-c"]'
COMPILED = {
    "recipes/caffe": (
        "1c2ac40f529d082ed47e649d76fcf334236731142caf7544491b6c50c9211553",
        "488b4a2f654edf1c33a578a7c6737437889f9e791bcec6d90db4d465dffddb1d",
    ),
    "recipes/knet": (
        "6a1a11b31455894a4c0b27c994c9eb27385262e770156ac134800576710b07ce",
        "17a54765481bd010d112f75514074431ae102fad814e9d9154caaebf030c490e",
    ),
    "recipes/neon": (
        "fa8f6502cbc1efbbda63c3ec9cc7731aae624f6a052be99b8447d5521d0e704b",
        "90779b453e0b02ab695f0aa05b58f88e0f420d76373936f7180d5dcc66f6df3c",
    ),
    "recipes/rkeras": (
        "ba06d20d6b6238338b2c15df1febe68ae8dc35da33b14b77433f0196d40fd648",
        "046ebcf80592933fa508284447a510b5074ed579c15be4dde5ea3dfc780e0ae0",
    ),
    "recipes/torch7": (
        "15ef6f40a0f2d999f8ace4daa0c4878e8f59804cb8c255f91c339c8f475caa6b",
        "3fec69d52c601b86c4c502446c830cc34309b41adb9cad25601de5a748556834",
    ),
    "programs/onnxruntime": ("9a1a5db788c7107ce877ef1a1cab3155fef181d3d20096beb65da5b7ea2a9e30",),
    "programs/pytorch": ("a23de57121538708bdc9b6c339b69260de3bd3ab2fb5c01c0c0f6ed2074b8bb4",),
    "programs/tensorflow": ("912a6e9fd718ee85b62abb637a95ea67e0d2b824621700c2ef967b805d168f90",),
}
"""Template -> sha256 of each RUN that is its own, as `hash_run` takes it: what it compiles, then the proof."""
_PLAIN = re.compile(r"[0-9A-Za-z.+_]+")


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined by single blanks."""

    keyword: str
    arguments: str


def squeeze(text: str) -> str:
    """With single blanks only: how an instruction is broken into lines says nothing."""
    return " ".join(text.split())


def hash_run(text: str, variant: Variant) -> str:
    """Of a RUN without the version and the interpreter of the row, which is all that a row may change in it."""
    for name, value in (
        ("version", variant.version),
        ("python", variant.python),
        ("python", variant.python.replace(".", "")),
    ):
        if not _PLAIN.fullmatch(value):
            return ""
        text = text.replace(value, f"<{name}>")
    return hashlib.sha256(squeeze(text).encode()).hexdigest()


def expect_instructions(variant: Variant) -> list[Instruction]:
    """Every instruction, in order. A RUN that is known by its hash has that in place of its text."""
    found = [Instruction("FROM", "scratch AS wheels"), *_build_stage(variant)]
    found += [Instruction("FROM", f"{variant.base}{' AS framework' if variant.program else ''}")]
    found += [Instruction("SHELL", SHELL), *_runs(_install(variant)), *_program(variant)]
    labels = {"project": "bench"} | {
        name: str(getattr(variant, name)) for name in ("framework", "version", "install", "blas", "device", "python")
    }
    found.append(Instruction("LABEL", " ".join(f'bench.{name}="{value}"' for name, value in labels.items())))
    return [*found, Instruction("USER", "65534:65534"), Instruction("CMD", '["python3"]')]


def _runs(texts: Iterator[str]) -> list[Instruction]:
    return [Instruction("RUN", squeeze(text)) for text in texts]


def _build_stage(variant: Variant) -> list[Instruction]:
    if not (variant.recipe or variant.source or variant.sdists):
        return []
    runs = _fetch(variant, variant.recipe) if variant.recipe else _make_wheels(variant)
    return [Instruction("FROM", f"{variant.base} AS build"), Instruction("SHELL", SHELL), *_runs(runs)]


def _fetch(variant: Variant, recipe: Recipe) -> Iterator[str]:
    if recipe.requirement:
        yield commands.apt(["python3-pip", "python3-setuptools", "python3-wheel"], ["main"])
        yield (
            f"{commands.mounts('sdist.txt')} python3 -m pip download --no-deps --no-build-isolation --require-hashes"
            " --no-binary :all: --find-links /run/wheels --dest /archives --requirement /run/sdist.txt"
        )
    else:
        yield commands.apt(["ca-certificates", "curl"], ["main"])
        yield commands.archives(recipe.archives, variant)
    if recipe.build_apt:
        yield commands.apt(recipe.build_apt, ["main"])
    yield _compiled(f"recipes/{recipe.name}", 0)


def _make_wheels(variant: Variant) -> Iterator[str]:
    source = variant.source
    packages = source.build_apt if source else variant.build_apt
    if packages:
        yield commands.apt(packages, variant.components)
    yield commands.pip("build.txt", variant.python)
    exports = "".join(f"export {name}={value} && " for name, value in (source.build_env if source else {}).items())
    made = "python3 -m pip wheel --no-cache-dir --no-deps --no-build-isolation"
    if source and source.git:
        trust = "if [ -s /run/secrets/ca ]; then export GIT_SSL_CAINFO=/run/secrets/ca; fi &&"
        yield f"{commands.mounts('sdist.txt')} {exports} {trust} {made} --wheel-dir /out --requirement /run/sdist.txt"
        return
    yield (
        f"{commands.mounts('sdist.txt')} {exports} {made} --require-hashes --no-binary :all: --find-links /run/wheels"
        " --wheel-dir /out --requirement /run/sdist.txt"
    )


def _install(variant: Variant) -> Iterator[str]:
    if len(variant.components) > 1 and not variant.source:
        yield commands.components(variant.components)
    yield from _provider(variant)
    if variant.install == "distro":
        yield from (commands.apt([package], variant.components) for package in variant.apt)
        yield from _prove_provider(variant)
        yield (
            f"set -x && found=\"$(dpkg-query --show --showformat='${{Version}}' {variant.apt[-1]})\" &&"
            f' found="${{found#*:}}" && test "${{found%%[-+]*}}" = {variant.version}'
        )
        return
    if variant.apt:
        yield commands.apt(variant.apt, variant.components)
    if variant.recipe:
        yield from _install_recipe(variant, variant.recipe)
        return
    if variant.links:
        yield commands.links(variant.links)
    yield commands.pip("requirements.txt", variant.python)
    if variant.source or variant.sdists:
        yield f"{commands.MADE} python3 -m pip install --no-cache-dir --no-index --no-deps /run/out/*.whl && ldconfig"
    yield from _prove_provider(variant)
    yield "python3 -m pip check"
    if variant.source:
        match = REQUIREMENT.fullmatch(variant.source.requirement)
        yield (
            'cd "$(python3 -c \'import sysconfig; print(sysconfig.get_path("platlib"))\')" &&'
            f" python3 -m pip show --files {match['name'] if match else ''} | sed -n 's/^ \\(.*\\.so\\)$/\\1/p' |"
            f" xargs ldd | sort -u | grep -F {variant.source.expect_linked} | grep -F '=> /'"
        )


def _install_recipe(variant: Variant, recipe: Recipe) -> Iterator[str]:
    if variant.pip:
        yield commands.pip("requirements.txt", variant.python)
        yield "python3 -m pip check"
    yield f"{commands.MADE} cp --recursive --no-dereference /run/out/. / && ldconfig"
    yield from _prove_provider(variant)
    yield _compiled(f"recipes/{recipe.name}", 1)


def _compiled(name: str, number: int) -> str:
    """Of a template that is not known, nothing that a RUN could be."""
    return COMPILED.get(name, ("", ""))[number]


def _program(variant: Variant) -> list[Instruction]:
    if not variant.program:
        return []
    build = [commands.apt(variant.build_apt, variant.components), _compiled(f"programs/{variant.program}", 0)]
    proof = [
        f"{commands.MADE} cp --recursive --no-dereference /run/out/. /",
        "! ldd /usr/local/bin/bench-program | grep -F 'not found' && ! command -v g++",
    ]
    return [
        *(Instruction("FROM", "framework AS build"), Instruction("SHELL", SHELL), *_runs(iter(build))),
        *(Instruction("FROM", "framework"), Instruction("SHELL", SHELL), *_runs(iter(proof))),
    ]


def _provider(variant: Variant) -> Iterator[str]:
    if not variant.blas_apt:
        return
    yield commands.apt(variant.blas_apt, variant.components)
    if variant.blas_alternative:
        yield " && ".join(
            f"update-alternatives --set lib{name}.so.3-{TRIPLET} {variant.blas_alternative}"
            for name in ("blas", "lapack")
        )


def _prove_provider(variant: Variant) -> Iterator[str]:
    if not variant.blas_apt:
        return
    paths = sorted(PROVIDERS[name][1] for name in variant.blas_apt if name in PROVIDERS)
    yield (
        f'set -x && test "$(readlink /etc/alternatives/libblas.so.3-{TRIPLET})" ='
        f" {variant.blas_alternative or ''.join(paths[:1])} &&"
        f" test \"$(update-alternatives --list libblas.so.3-{TRIPLET} | sort | xargs)\" = '{' '.join(paths)}'"
    )
