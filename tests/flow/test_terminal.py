"""Does anything that a record holds steer the terminal of whoever looks at it?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import UsageError
from orchestrator.store.encoding import encode_record
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from tests.hostile_records import spoil_records

if TYPE_CHECKING:
    from tests.command import Bench

TITLE = "before\x1b]0;x\x07\x9b2J\r\u202eafter"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    "arguments",
    [
        *(("results", "--show", "limits,samples", "--format", form) for form in ("table", "csv", "json", "markdown")),
        *(("compare", "--by", "blas", "--format", form) for form in ("table", "csv", "json", "markdown")),
        ("compare", "*openblas*", "*mkl*"),
        ("verify",),
        *(("check", "--baseline", "COPY", "--format", form) for form in ("table", "json", "markdown")),
        ("history", "STORE"),
        ("sweep",),
        ("variants", "--frameworks", "numpy"),
        ("workloads",),
        ("report", "-o", "/dev/stdout"),
    ],
    ids=lambda arguments: "-".join(arguments).replace("/", ""),
)
def test_no_text_of_a_record_reaches_the_terminal_as_a_command(
    bench: Bench, hostile: Path, arguments: tuple[str, ...]
) -> None:
    places = {"STORE": str(hostile), "COPY": str(hostile.with_name("copy"))}
    named = [places.get(each, each) for each in arguments]
    asked = () if arguments[0] == "history" else ("--store", hostile)
    said = bench(*named, *asked)
    assert "Traceback" not in said.err
    assert said.code != UsageError.exit_code, said.err
    assert said.out or said.err
    assert not STEERING.search(said.out), STEERING.findall(said.out)
    assert not STEERING.search(said.err), STEERING.findall(said.err)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose records, and the name of a file among them, hold a terminal's commands wherever they can."""
    store = open_store(tmp_path_factory.mktemp("hostile") / "s", create=True)
    records, places = spoil_records(TITLE)
    assert {"reason", "cell", "provenance.engine", "provenance.host.cpu_model", "reported.evidence.cpu_model"} <= places
    for each in records:
        if re.fullmatch(r"[0-9a-f]{64}", each.key):
            publish_record(store, each)
    stray = store.records / "00" / f"note{TITLE}.txt".replace("/", "")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"")
    torn = store.records / "00" / f"{'0' * 64}.b0.1.json"
    torn.write_bytes(encode_record(records[0]))
    shutil.copytree(store.root, store.root.with_name("copy"))
    return store.root
