"""Does a rendered Dockerfile hold the instructions that its row should have, and no other?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from orchestrator.nouns.variant import Recipe, Variant

# https://docs.docker.com/reference/dockerfile/#parser-directives: only before the first instruction.
DIRECTIVE = re.compile(r"^#\s*(syntax|escape|check)\s*=", re.IGNORECASE)
MOUNT = re.compile(r"--mount=(\S+)")
MOUNTS = re.compile(
    r"type=cache,id=bench-[a-z.-]+,target=/(var/cache/apt|var/lib/apt/lists|root/\.cache/pip)(,sharing=locked)?"
    r"|type=secret,id=(ca|pip)"
    r"|type=bind,from=wheels,target=/run/wheels"
    r"|type=bind,from=build,source=/out,target=/run/out"
    r"|type=bind,target=/run/program"
    r"|type=bind,source=(?P<file>[a-z]+\.txt),target=/run/(?P=file)"
)


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined by single blanks."""

    keyword: str
    arguments: str


def parse_dockerfile(text: str) -> list[Instruction]:
    """Split a Dockerfile as Docker does: comment lines vanish, also inside a continued instruction."""
    lines: list[str] = []
    continued = False
    for raw in text.splitlines():
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        line = raw.strip()
        if continued:
            lines[-1] = f"{lines[-1]} {line.removesuffix(chr(92)).strip()}"
        else:
            lines.append(line.removesuffix("\\").strip())
        continued = line.endswith("\\")
    return [Instruction(keyword.upper(), rest.strip()) for keyword, _, rest in (line.partition(" ") for line in lines)]


def check_dockerfile(text: str, variant: Variant) -> None:
    """Raises SpecError unless the text is exactly the instructions that a row of this kind has.

    The second wall behind the patterns of catalog/fields.py: whatever slips through them cannot add an instruction,
    another base, a mount of something else, a heredoc or a parser directive.
    """
    found = parse_dockerfile(text)
    keywords = [instruction.keyword for instruction in found]
    if keywords != _expect_keywords(variant):
        raise SpecError(f"{variant.id}: the Dockerfile has {keywords}, expected {_expect_keywords(variant)}")
    bases = [instruction.arguments for instruction in found if instruction.keyword == "FROM"]
    if bases != _expect_bases(variant):
        raise SpecError(f"{variant.id}: the Dockerfile builds on {bases}, expected {_expect_bases(variant)}")
    if any(DIRECTIVE.match(line) for line in text.splitlines()):
        raise SpecError(f"{variant.id}: the Dockerfile holds a parser directive")
    for instruction in found:
        if "<<" in instruction.arguments:
            raise SpecError(f"{variant.id}: the Dockerfile holds a heredoc: {instruction.arguments[:80]!r}")
        for mount in MOUNT.findall(instruction.arguments):
            if not MOUNTS.fullmatch(mount):
                raise SpecError(f"{variant.id}: the Dockerfile mounts {mount!r}, which no template does")


def _expect_bases(variant: Variant) -> list[str]:
    build = [f"{variant.base} AS build"] if variant.source or variant.recipe or variant.sdists else []
    if variant.program:
        return ["scratch AS wheels", f"{variant.base} AS framework", "framework AS build", "framework"]
    return ["scratch AS wheels", *build, variant.base]


def _expect_keywords(variant: Variant) -> list[str]:
    # packages, the alternative where it is set by hand, the assertion
    provider = 2 + bool(variant.blas_alternative) if variant.blas_apt else 0
    if variant.recipe:
        return _expect_recipe(variant, variant.recipe, provider)
    compiles = bool(variant.source or variant.sdists)
    runs = (len(variant.components) > 1) * (variant.install != "source") + provider
    if variant.install == "distro":
        runs += len(variant.apt) + 1  # a layer per package, the assertion of the version
    else:
        # system packages, links, what the index has, what was made of source, the check, the assertion of the link
        runs += bool(variant.apt) + bool(variant.links) + 1 + compiles + 1 + bool(variant.source)
    if variant.program:  # after the framework: the compiler and the compile; then what they made, and the proof
        stages = ["FROM", "SHELL", *["RUN"] * runs, "FROM", "SHELL", *["RUN"] * 2, "FROM", "SHELL", *["RUN"] * 2]
        return ["FROM", *stages, "LABEL", "USER", "CMD"]
    packages = variant.source.build_apt if variant.source else variant.build_apt
    build = ["FROM", "SHELL", *["RUN"] * (bool(packages) + 2)] if compiles else []
    return ["FROM", *build, "FROM", "SHELL", *["RUN"] * runs, "LABEL", "USER", "CMD"]


def _expect_recipe(variant: Variant, recipe: Recipe, provider: int) -> list[str]:
    """What fetches, the source, what compiles, the compile; then the packages, its result and the proof."""
    build = 2 + bool(recipe.build_apt) + 1
    runs = (len(variant.components) > 1) + provider + bool(variant.apt) + 2 * bool(variant.pip) + 2
    stages = ["FROM", "SHELL", *["RUN"] * build, "FROM", "SHELL", *["RUN"] * runs]
    return ["FROM", *stages, "LABEL", "USER", "CMD"]
