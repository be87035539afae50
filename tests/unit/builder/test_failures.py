"""Does a failed build say which package, what was expected and what was found?"""

from __future__ import annotations

import pytest

from orchestrator.builder.failures import explain_failure

# Ends of real logs; the first two of pip 22.0.4 and 18.1, the third of pip 26.
VANISHED = (
    "#11 2.114 ERROR: Could not find a version that satisfies the requirement torch==0.4.1 "
    "(from versions: 1.0.0, 1.0.1, 1.13.1)\n#11 2.115 ERROR: No matching distribution found for torch==0.4.1"
)
OLD = (
    "#9 4.6   Could not find a version that satisfies the requirement html5lib==0.9999999 "
    "(from -r /run/requirements.txt (line 3)) (from versions: )\n#9 4.6 No matching distribution found for html5lib"
)
CHANGED = """#12 1.9 ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the
#12 1.9     threadpoolctl==3.8.0+site from file:///run/wheels/t.whl (from -r /run/requirements.txt (line 1)):
#12 1.9         Expected sha256 {expected}
#12 1.9              Got        {found}
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (VANISHED, ("package torch: expected version 0.4.1", "3 other versions up to 1.13.1")),
        (OLD, ("package html5lib: expected version 0.9999999", "no version at all")),
        (
            CHANGED.format(expected="a" * 64, found="b" * 64),
            ("package threadpoolctl==3.8.0+site: its hash changed", "a" * 64, f"found {'b' * 64}"),
        ),
        ("#5 0.3 E: Unable to locate package libnothing1", ("package libnothing1", "found none")),
        (
            "#6 0.2 bench: interpreter: expected Python 3.7, the base has none",
            ("interpreter: expected Python 3.7, the base has none",),
        ),
        (
            "ERROR: failed to solve: python:3.5-slim-bookworm: docker.io/library/python:3.5-slim-bookworm: not found",
            ("base image python:3.5-slim-bookworm", "not found"),
        ),
    ],
)
def test_a_known_ending_becomes_one_line(log: str, words: tuple[str, ...]) -> None:
    said = explain_failure("bench/row:tag", log.split("\n"))
    assert said.startswith("bench/row:tag: ")
    assert all(word in said for word in words), said
    assert "\n" not in said


def test_an_unknown_ending_is_not_guessed_at() -> None:
    assert explain_failure("bench/row:tag", ["#7 1.0 gcc: error", "ERROR: process did not complete"]) == ""


def test_the_text_of_a_step_is_not_its_output() -> None:
    step = '#6 [2/3] RUN echo "bench: interpreter: expected Python 3.7, the base has ${found:-none}"'
    assert explain_failure("bench/row:tag", [step]) == ""
