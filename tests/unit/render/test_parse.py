"""Does the second wall hold, where something slipped past the first?"""

from __future__ import annotations

import pytest

from orchestrator import paths
from orchestrator.catalog.rows import read_variants
from orchestrator.errors import SpecError
from orchestrator.render.expect import COMPILED, hash_run
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
        ("USER 65534:65534", "USER 0", "has a USER that"),
        ("USER 65534:65534", "USER 65534", "has a USER that"),
        ('CMD ["python3"]', 'CMD ["sh"]', "has a CMD that"),
        ('CMD ["python3"]', "CMD python3", "has a CMD that"),
        ('SHELL ["/bin/bash", "-e",', 'SHELL ["/bin/bash",', "has a SHELL that"),
        ('bench.blas="atlas"', 'bench.blas="mkl"', "has a LABEL that"),
        ('bench.project="bench"', 'bench.project="bench" evil="1"', "has a LABEL that"),
        ("RUN --mount", "RUN --network=host --mount", "RUN with '--network=host'"),
        ("RUN --mount", "RUN --security=insecure --mount", "RUN with '--security=insecure'"),
        ("RUN set -x", "RUN --network=host set -x", "RUN with '--network=host'"),
        ("update -qq && ", "update -qq && id && ", "has a RUN that"),
        ("        libatlas3-base", "        libatlas3-base && id", "has a RUN that"),
        ("        libatlas3-base", "        libopenblas0-pthread", "has a RUN that"),
        ("atlas/libblas.so.3'", "atlas/libblas.so.3' || true", "has a RUN that"),
        ("--no-install-recommends", "--allow-unauthenticated", "has a RUN that"),
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
        ("-DWITH_BLAS=generic", "-DWITH_BLAS=mkl", "has a RUN that"),
        ("cmake --install", "id; cmake --install", "has a RUN that"),
        ("sum() == 0)'", "sum() == 0)' || true", "has a RUN that"),
        ('= "$3" ]; then', '!= "$3" ]; then', "has a RUN that"),
        ("RUN for name", "RUN --network=host for name", "RUN with"),
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
        ("g++ -O2", "g++ -O3", "has a RUN that"),
        ("-Wextra", "-Wextra -march=native", "has a RUN that"),
    ],
)
def test_a_program_has_no_more_instructions_than_its_skeleton(old: str, new: str, problem: str) -> None:
    program = next(row for row in read_variants().variants if row.program)
    text = render_image(program).dockerfile
    check_dockerfile(text, program)
    assert old in text
    with pytest.raises(SpecError, match=problem):
        check_dockerfile(text.replace(old, new, 1), program)


def test_every_row_of_the_catalogue_is_what_is_expected_of_it_without_its_template() -> None:
    rows = read_variants().variants
    kinds = {(row.install, bool(row.recipe), bool(row.program), bool(row.sdists), bool(row.links)) for row in rows}
    assert len(kinds) >= 6, "of every kind of row there is one"
    for row in rows:
        check_dockerfile(render_image(row).dockerfile, row)


def test_every_recipe_and_program_is_known_by_its_hash() -> None:
    """Whoever changes one looks at what it runs, and enters the hash that `hash_run` gives."""
    folder = paths.images_dir() / "templates"
    names = {f"{path.parent.name}/{path.stem}" for kind in ("recipes", "programs") for path in folder.glob(f"{kind}/*")}
    assert names - {"programs/program"} == set(COMPILED)


def test_a_value_that_is_no_plain_version_is_not_taken_out_of_what_is_hashed() -> None:
    row = next(row for row in read_variants().variants if row.program)
    assert hash_run("g++ 1.0", row.model_copy(update={"version": "1.0; id"})) == ""
    assert hash_run(f"g++ {row.version}", row) == hash_run("g++   9.9", row.model_copy(update={"version": "9.9"}))
