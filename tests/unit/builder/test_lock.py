"""Are locks named after what was asked for, and is a file made by hand left alone?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator import paths
from orchestrator.builder.lock import lock_paths, write_lock, write_locks
from orchestrator.catalog.rows import read_variants
from orchestrator.errors import LockError
from orchestrator.nouns.site import Site
from orchestrator.render.locks import HEADER, read_lock
from tests.makers import variant

PIP = {"install": "pip", "base": "python:3.11-slim-bookworm", "version": "2.4.6"}


def test_the_name_of_a_lock_changes_with_the_requirements_and_not_with_their_order(tmp_path: Path) -> None:
    def name(*pip: str, python: str = "3.11") -> str:
        return lock_paths(
            variant(**PIP, pip=pip) if python == "3.11" else variant(**PIP | {"python": python}, pip=pip)
        )[0].name

    assert re.fullmatch(r"numpy-2\.4\.6-pip-py3\.11-[0-9a-f]{8}\.txt", name("numpy==2.4.6"))
    assert name("a==1", "b==2") == name("b==2", "a==1")
    assert len({name("a==1"), name("a==2"), name("a==1", "b==2"), name("a==1", python="3.12")}) == 4


def test_packages_of_a_distribution_have_no_lock() -> None:
    assert lock_paths(variant()) == []


def test_a_lock_made_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    row = variant(**PIP, pip=("numpy==2.4.6",))
    path = lock_paths(row, tmp_path)[0]
    path.write_text("numpy==2.4.6\n")
    with pytest.raises(LockError, match="was not written by `bench lock`"):
        write_lock(row, path, site=Site())
    assert path.read_text() == "numpy==2.4.6\n"


def test_a_lock_that_is_there_is_not_resolved_again(tmp_path: Path) -> None:
    row = variant(**PIP, pip=("numpy==2.4.6",))
    path = lock_paths(row, tmp_path)[0]
    path.write_text(f"{HEADER}\nnumpy==2.4.6 --hash=sha256:{'0' * 64}\n")
    assert write_locks([row, row], site=Site(), folder=tmp_path) == []


def test_every_row_of_the_catalogue_is_locked_and_every_lock_belongs_to_a_row() -> None:
    wanted = {path for row in read_variants().variants for path in lock_paths(row)}
    assert {path.name for path in wanted} == {path.name for path in (paths.images_dir() / "locks").iterdir()}
    for path in wanted:
        assert path.read_text().startswith(HEADER)
        pins = {pin.name.lower(): pin for pin in read_lock(path)}
        asked = [line[4:] for line in path.read_text().splitlines() if line.startswith("#   ")]
        for line in asked:
            name, _, version = re.split(r"(==|<)", line)
            assert "==" not in line or pins[name.lower()].version == version


def test_a_lock_names_no_index_and_no_path() -> None:
    for path in (paths.images_dir() / "locks").iterdir():
        assert not re.search(r"://|--find-links|--index|(^|\s)/", path.read_text()), path.name


def test_a_pip_configuration_names_only_what_a_build_can_reach() -> None:
    assert Site().pip_configuration == ""
    assert Site(extra_index_urls=("file:///here",)).pip_configuration == ""
    text = Site(
        index_url="https://mirror.test/simple", extra_index_urls=("file:///x", "https://b.test")
    ).pip_configuration
    assert text == "[global]\nindex-url = https://mirror.test/simple\nextra-index-url = https://b.test\n"
