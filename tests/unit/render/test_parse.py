"""Does the second wall hold, where something slipped past the first?"""

from __future__ import annotations

import pytest

from orchestrator.catalog.rows import read_variants
from orchestrator.errors import SpecError
from orchestrator.render.image import render_image
from orchestrator.render.parse import check_dockerfile, parse_dockerfile

ROW = next(row for row in read_variants().variants if row.id == "numpy-1.24.2-distro-atlas-cpu")
TEXT = render_image(ROW).dockerfile


def test_what_the_templates_give_passes() -> None:
    check_dockerfile(TEXT, ROW)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("USER 65534:65534", "RUN id\nUSER 65534:65534", "the Dockerfile has"),
        ("USER 65534:65534", "USER 65534:65534\nUSER 0", "the Dockerfile has"),
        ("USER 65534:65534", "ENV A=1", "the Dockerfile has"),
        ("FROM debian:bookworm-slim", "FROM evil:latest", "builds on"),
        ("FROM debian:bookworm-slim", "FROM --platform=x debian:bookworm-slim", "builds on"),
        ("# An empty place", "# syntax=evil/frontend\n# An empty place", "parser directive"),
        ("# An empty place", "#escape=`\n# An empty place", "parser directive"),
        ("libatlas3-base", "libatlas3-base <<E", "heredoc"),
        ("id=ca", "id=ca,target=/x", "mounts"),
        ("type=secret,id=ca", "type=bind,source=/,target=/host", "mounts"),
        ("type=secret,id=ca", "type=ssh", "mounts"),
    ],
)
def test_a_dockerfile_with_anything_more_is_refused(old: str, new: str, problem: str) -> None:
    assert old in TEXT
    with pytest.raises(SpecError, match=problem):
        check_dockerfile(TEXT.replace(old, new, 1), ROW)


def test_continued_lines_and_comments_are_read_as_docker_reads_them() -> None:
    found = parse_dockerfile("FROM a AS b\n# note\nRUN one \\\n# inside\n    two \\\n    three\nuser x\n")
    assert found == [("FROM", "a AS b"), ("RUN", "one two three"), ("USER", "x")]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("USER 65534:65534", "RUN id\nUSER 65534:65534", "the Dockerfile has"),
        ("FROM debian:bookworm-slim AS build", "FROM debian:bookworm-slim AS build\nRUN id", "the Dockerfile has"),
        ("FROM debian:bookworm-slim AS build", "FROM evil:latest AS build", "builds on"),
        ("mkdir /archives", "mkdir /archives <<E", "heredoc"),
        ("from=wheels,target=/run/wheels", "from=wheels,target=/usr", "mounts"),
    ],
)
def test_a_recipe_has_no_more_instructions_than_its_skeleton(old: str, new: str, problem: str) -> None:
    recipe = next(row for row in read_variants().variants if row.id == "torch7-7.0-source-openblas-cpu")
    text = render_image(recipe).dockerfile
    check_dockerfile(text, recipe)
    assert old in text
    with pytest.raises(SpecError, match=problem):
        check_dockerfile(text.replace(old, new, 1), recipe)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("USER 65534:65534", "RUN id\nUSER 65534:65534", "the Dockerfile has"),
        ("FROM framework AS build", "FROM framework AS build\nRUN id", "the Dockerfile has"),
        ("FROM framework AS build", "FROM evil:latest AS build", "builds on"),
        ("\nFROM framework\n", "\nFROM build\n", "builds on"),
        ("type=bind,target=/run/program", "type=bind,source=/,target=/run/program", "mounts"),
    ],
)
def test_a_program_has_no_more_instructions_than_its_skeleton(old: str, new: str, problem: str) -> None:
    program = next(row for row in read_variants().variants if row.program)
    text = render_image(program).dockerfile
    check_dockerfile(text, program)
    assert old in text
    with pytest.raises(SpecError, match=problem):
        check_dockerfile(text.replace(old, new, 1), program)
