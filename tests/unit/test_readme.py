"""Does the README say what the code says?"""

from __future__ import annotations

import re

import pytest

from tests.readme_tables import README, TABLES, fill


def test_the_tables_of_the_readme_are_those_of_the_code() -> None:
    text = README.read_text()
    assert fill(text) == text, "run: python -m tests.readme_tables"


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_has_every_table(name: str) -> None:
    assert f"<!-- table:{name} -->" in README.read_text()


def test_the_readme_names_only_targets_that_the_makefile_has() -> None:
    makefile = (README.parent / "Makefile").read_text()
    for target in set(re.findall(r"`make ([a-z-]+)", README.read_text())):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
