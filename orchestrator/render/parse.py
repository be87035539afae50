"""Does a rendered Dockerfile hold the instructions that its row should have, and no other?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.errors import SpecError
from orchestrator.render.expect import Instruction, expect_instructions, hash_run, squeeze

if TYPE_CHECKING:
    from orchestrator.nouns.variant import Variant

# https://docs.docker.com/reference/dockerfile/#parser-directives: only before the first instruction.
DIRECTIVE = re.compile(r"^#\s*(syntax|escape|check)\s*=", re.IGNORECASE)
FLAGS = re.compile(r"(--\S+\s+)*")
HASH = re.compile(r"[0-9a-f]{64}")
SHOWN = 60
"""Characters from where two instructions part."""
MOUNTS = re.compile(
    r"type=cache,id=bench-[a-z.-]+,target=/(var/cache/apt|var/lib/apt/lists|root/\.cache/pip)(,sharing=locked)?"
    r"|type=secret,id=(ca|pip)"
    r"|type=bind,from=wheels,target=/run/wheels"
    r"|type=bind,from=build,source=/out,target=/run/out"
    r"|type=bind,target=/run/program"
    r"|type=bind,source=(?P<file>[a-z]+\.txt),target=/run/(?P=file)"
)


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
    """Raises SpecError unless the text is exactly the instructions that render/expect.py has for the row.

    The second wall behind the patterns of catalog/fields.py: whatever slips through them cannot add an instruction or
    a command, another base, user or shell, a flag, a mount of something else, a heredoc or a parser directive.
    """
    found, wanted = parse_dockerfile(text), expect_instructions(variant)
    keywords, expected = [each.keyword for each in found], [each.keyword for each in wanted]
    if keywords != expected:
        raise SpecError(f"{variant.id}: the Dockerfile has {keywords}, expected {expected}")
    if any(DIRECTIVE.match(line) for line in text.splitlines()):
        raise SpecError(f"{variant.id}: the Dockerfile holds a parser directive")
    for instruction, other in zip(found, wanted, strict=True):
        _check_instruction(instruction, other, variant)


def _check_instruction(found: Instruction, wanted: Instruction, variant: Variant) -> None:
    keyword, arguments = found
    if keyword == "FROM" and arguments != wanted.arguments:
        raise SpecError(f"{variant.id}: the Dockerfile builds on {arguments!r}, expected {wanted.arguments!r}")
    if "<<" in arguments:
        raise SpecError(f"{variant.id}: the Dockerfile holds a heredoc: {arguments[:80]!r}")
    flags = FLAGS.match(arguments)
    for flag in flags[0].split() if flags and keyword == "RUN" else ():
        if not flag.startswith("--mount="):
            raise SpecError(
                f"{variant.id}: the Dockerfile has a RUN with {flag!r}, and mounts are all that one may have"
            )
        if not MOUNTS.fullmatch(flag.removeprefix("--mount=")):
            raise SpecError(f"{variant.id}: the Dockerfile mounts {flag!r}, which no template does")
    text = squeeze(arguments)
    if wanted.arguments == (hash_run(text, variant) if HASH.fullmatch(wanted.arguments) else text):
        return
    same = next(
        (n for n, pair in enumerate(zip(text, wanted.arguments, strict=False)) if pair[0] != pair[1]), len(text)
    )
    raise SpecError(
        f"{variant.id}: the Dockerfile has a {keyword} that render/expect.py does not have for this row: "
        f"{text[same : same + SHOWN]!r}, expected {wanted.arguments[same : same + SHOWN]!r}"
    )
