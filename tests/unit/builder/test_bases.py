"""Is a base held by its digest where there is one, and named by its id where there is none?"""

from __future__ import annotations

import pytest

from orchestrator.builder.bases import name_digest, pin_options, stands_on
from orchestrator.builder.engine import Present

ID, DIGEST = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


@pytest.mark.parametrize(
    ("name", "digests", "found"),
    [
        ("python:3.11-slim-bookworm", (f"python@{DIGEST}",), f"python@{DIGEST}"),
        ("debian", (f"debian@{DIGEST}",), f"debian@{DIGEST}"),
        ("m.test:5000/a/python:3.11", (f"m.test:5000/a/python@{DIGEST}",), f"m.test:5000/a/python@{DIGEST}"),
        ("python:3.11", (f"mirror.test/python@{DIGEST}", f"pythons@{DIGEST}"), ""),
        ("python:3.11", (), ""),
    ],
)
def test_the_digest_is_that_of_the_bases_own_repository(name: str, digests: tuple[str, ...], found: str) -> None:
    assert name_digest(name, Present(ID, 1, digests)) == found


def test_a_build_is_held_to_the_digest_and_its_image_says_which() -> None:
    options = pin_options("python:3.11", Present(ID, 1, (f"python@{DIGEST}",)))
    pairs = list(zip(options[::2], options[1::2], strict=True))
    assert ("--build-context", f"python:3.11=docker-image://python@{DIGEST}") in pairs
    assert ("--label", f"org.opencontainers.image.base.digest={DIGEST}") in pairs
    assert ("--label", f"bench.base={ID}") in pairs


def test_a_base_without_a_digest_is_named_by_its_id_and_one_that_is_not_here_not_at_all() -> None:
    options = pin_options("python:3.11", Present(ID, 1))
    assert f"bench.base={ID}" in options and "--build-context" not in options
    assert pin_options("python:3.11", None) == []


def test_an_image_stands_on_a_base_whose_layers_it_begins_with() -> None:
    base = Present(ID, 1, (), ("a", "b"))
    assert stands_on(Present(ID, 1, (), ("a", "b", "c")), base)
    assert not stands_on(Present(ID, 1, (), ("a", "c", "b")), base)
    assert not stands_on(Present(ID, 1, (), ("a",)), base)
