"""Is everything that bench runs on pinned by its hash, and is an audit that saw nothing told from a clean one?"""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+)(?P<rest>.*(?:\n    .*)*)", re.MULTILINE)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> list[tuple[str, str, list[str]]]:
    """Name, version and hashes; some have a version of their own for an older Python."""
    return [
        (match["name"], match["version"], re.findall(r"--hash=sha256:([0-9a-f]{64})", match["rest"]))
        for match in ENTRY.finditer(LOCK)
    ]


@pytest.mark.parametrize("text", DECLARED)
def test_every_dependency_is_in_the_lock_in_a_version_that_is_allowed_and_by_its_hash(text: str) -> None:
    wanted = Requirement(text)
    found = [(version, hashes) for name, version, hashes in pins() if name == canonical(wanted.name)]
    assert found and all(hashes for _, hashes in found)
    assert all(wanted.specifier.contains(version, prereleases=True) for version, _ in found)


def test_nothing_in_the_lock_is_without_a_hash_or_names_a_place() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(pins()) > len(DECLARED)
    assert all(hashes for *_, hashes in pins())
    assert not re.search(r"://|--index|--find-links|\s/", LOCK)


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dependency(**fields: Any) -> dict[str, Any]:
    return {"name": "numpy", "version": "2.4.6", "vulns": []} | fields


def say(audit: ModuleType, *answers: tuple[list[dict[str, Any]] | None, str]) -> tuple[str, int]:
    read = [
        audit.read_answer(json.dumps({"dependencies": listed}) if listed is not None else "", err)
        for listed, err in answers
    ]
    lines, code = audit.say_answers(dict(zip(audit.SERVICES, read, strict=False)))
    return "\n".join(lines), code


FLAW = {"id": "PYSEC-1", "fix_versions": ["3.0"], "aliases": [], "description": ""}
SKIPPED = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.4.6)"}
NO_WAY = "requests.exceptions.ConnectionError: Max retries exceeded (Caused by NameResolutionError)"


def test_a_vulnerability_fails(audit: ModuleType) -> None:
    said, code = say(audit, ([dependency(vulns=[FLAW])], ""))
    assert code == 1 and "VULNERABLE: numpy 2.4.6: PYSEC-1 (fixed in 3.0)" in said


def test_a_lock_that_was_looked_at_is_verified(audit: ModuleType) -> None:
    said, code = say(audit, ([dependency(), dependency(name="scipy")], ""))
    assert (said, code) == ("verified: 2 dependencies, by their versions in requirements.txt", 0)


def test_what_nobody_looked_at_is_not_called_clean_and_a_network_without_a_way_out_is_no_failure(
    audit: ModuleType,
) -> None:
    for first in (([SKIPPED], ""), ([], ""), (None, NO_WAY)):
        said, code = say(audit, first, (None, NO_WAY))
        assert code == 0 and "not verified" in said and "\nverified" not in f"\n{said}"
    said, _ = say(audit, ([SKIPPED, dependency(name="scipy")], ""), (None, NO_WAY))
    assert said.startswith("not verified: 1 dependencies") and "osv: the service cannot be reached" in said


def test_a_vulnerability_is_one_also_where_the_rest_was_not_looked_at(audit: ModuleType) -> None:
    said, code = say(audit, ([SKIPPED, dependency(name="scipy", vulns=[FLAW])], ""), (None, NO_WAY))
    assert code == 1 and "VULNERABLE: scipy" in said and "not verified" in said


def test_an_audit_that_did_not_run_fails(audit: ModuleType) -> None:
    said, code = say(audit, (None, "ERROR:pip_audit._cli:requirement numpy is missing a hash"))
    assert code == 1 and "the audit failed" in said
