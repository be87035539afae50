"""Is what an image says of its packages taken for what it is, and is the container that says it closed?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.builder import sbom
from orchestrator.builder.sbom import ASK, CLOSED, parse_packages, read_packages
from orchestrator.errors import BuildError

ID = "sha256:" + "ab" * 32


def test_names_are_spelled_as_an_index_spells_them() -> None:
    listed = [["pip:Jinja_2.x", "3.1"], ["deb:libstdc++6", "12.2.0-14+deb12u1"], ["deb:libc6", "1:2.36-9~x"]]
    assert parse_packages(listed) == {
        "deb:libc6": "1:2.36-9~x",
        "deb:libstdc++6": "12.2.0-14+deb12u1",
        "pip:jinja-2-x": "3.1",
    }


@pytest.mark.parametrize(
    "answer",
    [
        *(None, {}, [], "deb:libc6", [["deb:libc6"]], [["deb:libc6", 1]], [["deb:libc6", "1", "2"]], [[[], "1"]]),
        *([["libc6", "1"]], [["deb:../../x", "1"]], [["deb:", "1"]], [["deb:a b", "1"]], [["pip:\x1b[31m", "1"]]),
        *([["pip:a", ""]], [["pip:a", "1\n2"]], [["pip:a", "=1+cmd"]], [["pip:a", "1" * 500]]),
        [["pip:a", "1"]] * 20_000,
    ],
    ids=str,
)
def test_an_answer_that_is_no_list_of_packages_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match="package"):
        parse_packages(answer)


def test_the_container_that_is_asked_is_closed_and_nothing_is_run_through_a_shell() -> None:
    wanted = {"--pull=never", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"}
    assert wanted <= set(CLOSED)
    assert {each.split("=")[0] for each in CLOSED} >= {"--pids-limit", "--memory", "--memory-swap", "--user", "--rm"}
    assert not {"sh", "-c", "bash"} & set(CLOSED)


def test_the_question_is_answered_by_an_interpreter() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert parse_packages(json.loads(done.stdout))["pip:pytest"] == pytest.__version__


def test_an_image_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(image_id: str) -> bytes:
        asked.append(image_id)
        return b'[["pip:numpy", "2.4.6"]]'

    monkeypatch.setattr(sbom, "_ask", answer)
    assert [read_packages(ID, tmp_path / "s") for _ in range(2)] == [{"pip:numpy": "2.4.6"}] * 2
    (kept,) = (tmp_path / "s").iterdir()
    assert asked == [ID] and kept.stat().st_mode & 0o777 == 0o600
    kept.write_text('{"pip:numpy"')
    assert read_packages(ID, tmp_path / "s") == {"pip:numpy": "2.4.6"}
    assert asked == [ID, ID], "a torn file is no answer"


@pytest.mark.parametrize("image_id", ["", "bench/x:1", "--privileged", "sha256:ab", ID + "/../x"])
def test_only_an_image_id_is_asked(image_id: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no image id"):
        read_packages(image_id, tmp_path)
