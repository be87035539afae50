"""Why did a build fail, in the words of the catalogue: which package, what was expected and what was found?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# `#12 3.456 text`: what BuildKit's plain progress puts before each line of a step's output.
PROGRESS = re.compile(r"^#\d+ (?:[\d.]+ )?")
# pip's wordings, from 18.1 to 26: src/pip/_internal/exceptions.py and resolution/resolvelib/factory.py.
VANISHED = re.compile(
    r"Could not find a version that satisfies the requirement (?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;(]+)"
    r".*?\(from versions: (?P<found>[^)]*)\)"
)
HASHED = re.compile(r"^\s*(?P<package>\S+==\S+) (?:from|\(from).*:\s*$")
EXPECTED = re.compile(r"Expected sha256 (?P<hash>[0-9a-f]{64})")
GOT = re.compile(r"Got\s+(?P<hash>[0-9a-f]{64})")
INTERPRETER = re.compile(r"bench: (?P<text>(?:interpreter|archive|link): .*)")
NO_APT = re.compile(r"E: (?:Unable to locate package (?P<name>\S+)|Package '(?P<other>[^']+)' has no installation)")
NO_BASE = re.compile(r"ERROR: failed to solve: (?P<base>\S+): (?P<why>.*(?:not found|denied|failed to do request).*)")


def explain_failure(image: str, lines: Sequence[str]) -> str:
    """One line that names image, package, expected and found; empty where the log has none of the known endings.

    `lines` are those of the log, as BuildKit's plain progress prints them.
    """
    said = [PROGRESS.sub("", line) for line in lines]
    found = _interpreter(said) or _hash(said) or _vanished(said) or _apt(said) or _base(said)
    return f"{image}: {found}" if found else ""


def _interpreter(said: list[str]) -> str:
    # A step's text, with this very message in it, is printed before its output: only a line of its own counts.
    for line in said:
        if (match := INTERPRETER.match(line.strip())) and "${" not in line:
            return match["text"]
    return ""


def _hash(said: list[str]) -> str:
    package = ""
    expected: list[str] = []
    for line in said:
        if match := HASHED.match(line):
            package, expected = match["package"], []
        elif match := EXPECTED.search(line):
            expected.append(match["hash"])
        elif (match := GOT.search(line)) and package:
            some = f"{expected[0]} or {len(expected) - 1} others" if len(expected) > 1 else "".join(expected)
            return f"package {package}: its hash changed: expected sha256 {some}, found {match['hash']}"
    return ""


def _vanished(said: list[str]) -> str:
    for line in said:
        if match := VANISHED.search(line):
            versions = [each.strip() for each in match["found"].split(",") if each.strip() not in {"", "none"}]
            newest = f"{len(versions)} other versions up to {versions[-1]}" if versions else "no version at all"
            return (
                f"package {match['name']}: expected version {match['version']}, found {newest}: it has gone from the "
                "index, or has no file for this Python; a folder named under `wheels` in bench.toml may have it"
            )
    return ""


def _apt(said: list[str]) -> str:
    for line in said:
        if match := NO_APT.search(line):
            name = match["name"] or match["other"]
            return f"package {name}: expected in the distribution's archive, found none of that name"
    return ""


def _base(said: list[str]) -> str:
    for line in said:
        if match := NO_BASE.search(line):
            return f"base image {match['base']}: expected on this engine or its registry, found: {match['why']}"
    return ""
