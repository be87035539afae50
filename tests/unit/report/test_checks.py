"""Is a check readable by people, by programs and by continuous integration servers, whatever a record says?"""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from orchestrator.analysis.check import LACKING, Check, CheckWord, check_records
from orchestrator.nouns.record import Status
from orchestrator.nouns.variant import Blas
from orchestrator.report.checks import check_table, say_check
from orchestrator.report.junit import write_junit
from tests.makers import provenance, record, timed, variant

HOSTILE = [
    "<script>alert(1)</script>",
    "]]></failure>",
    "&amp; & \" '",
    "nul\x00bel\x07\x1b[31mred",
    "\x1b]0;owned\x07title",
    "\ufffe\uffff \ud800",
    "a|b `c` *d*",
    "\u202egnp.exe",
]


# Jenkins' junit-10.xsd, as far as it concerns us: element -> (where it may stand, the attributes that it may have).
COUNTS = {"name", "tests", "failures", "errors", "time"}
SCHEMA: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": (set(), COUNTS),
    "testsuite": ({"testsuites"}, COUNTS | {"skipped", "timestamp", "hostname", "id", "package"}),
    "testcase": ({"testsuite"}, {"name", "classname", "time"}),
    "failure": ({"testcase"}, {"type", "message"}),
    "skipped": ({"testcase"}, {"type", "message"}),
    "system-out": ({"testsuite", "testcase"}, set()),
}


def check(text: str = "6.18") -> Check:
    """A cell that is slower, one that is missing, one on a machine with another kernel, and one as it was."""
    there = provenance(host={"cpu_model": "AMD EPYC", text: "1", "governor": None})
    slow, gone, moved, same = (variant(blas=blas) for blas in (Blas.OPENBLAS, Blas.MKL, Blas.ATLAS, Blas.BLIS))
    noise = [1 + 0.001 * (block % 3) for block in range(6)]
    before = [timed(row, block, 0.1 * noise[block]) for row in (slow, gone, moved, same) for block in range(6)]
    after = [timed(slow, block, 0.12 * noise[block]) for block in range(6)]
    after += [timed(moved, block, 0.1 * noise[block], provenance=there) for block in range(6)]
    after += [timed(same, block, 0.1 * noise[block]) for block in range(6)]
    return check_records(before, after)


def cases(text: str) -> dict[str, ET.Element]:
    """Build -> its test case."""
    root = ET.fromstring(text)  # noqa: S314 - our own output, which is what is tested
    return {case.attrib["name"].split("@")[1]: case for case in root.iter("testcase")}


def test_a_server_sees_what_failed_and_why() -> None:
    text = write_junit(check())
    root = ET.fromstring(text)  # noqa: S314
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    for each in (root, suite):
        assert {name: each.attrib[name] for name in ("name", "tests", "failures", "errors")} == {
            "name": "bench check",
            "tests": "4",
            "failures": "3",
            "errors": "0",
        }
    found = cases(text)
    failures = {name: case.find("failure") for name, case in found.items()}
    assert {name for name, failure in failures.items() if failure is None} == {"numpy-1.24.2-distro-blis-cpu:t1"}
    slow = failures["numpy-1.24.2-distro-openblas-cpu:t1"]
    assert slow is not None
    assert slow.attrib["type"] == "slower"
    assert slow.attrib["message"].startswith("slower: 1.20")
    assert all(case.attrib["classname"] == "vgg16-infer-b1" for case in found.values())
    # Children in the order that the strictest of the schemas asks for.
    assert all([child.tag for child in case][-1] == "system-out" for case in found.values())


def test_what_is_tolerated_is_skipped_and_not_passed() -> None:
    text = write_junit(check(), LACKING)
    root = ET.fromstring(text)  # noqa: S314
    assert (root.attrib["failures"], root[0].attrib["skipped"]) == ("1", "2")
    skipped = [name for name, case in cases(text).items() if case.find("skipped") is not None]
    assert skipped == ["numpy-1.24.2-distro-atlas-cpu:t1", "numpy-1.24.2-distro-mkl-cpu:t1"]


@pytest.mark.parametrize("tolerated", [frozenset(), LACKING])
def test_nothing_is_in_the_file_that_the_strictest_schema_does_not_know(tolerated: frozenset[CheckWord]) -> None:
    for element in ET.fromstring(write_junit(check(), tolerated)).iter():  # noqa: S314
        assert set(element.attrib) <= SCHEMA[element.tag][1]
        assert all(element.tag in SCHEMA[child.tag][0] for child in element)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_of_a_record_breaks_a_format(hostile: str) -> None:
    found = check(hostile)
    text = write_junit(found)
    assert len(cases(text)) == 4
    assert ET.fromstring(text).find("script") is None  # noqa: S314
    text.encode()  # no half of a surrogate pair
    lines = [line for line in str(check_table(found, "markdown")).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert not any("<" in line for line in lines)
    console = Console(width=250, file=io.StringIO(), force_terminal=True, color_system=None, legacy_windows=False)
    console.print(check_table(found))
    shown = console.file
    assert isinstance(shown, io.StringIO)
    assert "\x1b" not in shown.getvalue()
    assert "\u202e" not in shown.getvalue()
    json.loads(str(check_table(found, "json")))


def test_json_holds_the_cells_the_counts_and_the_method() -> None:
    document = json.loads(str(check_table(check(), "json")))
    assert document["counts"] == {"slower": 1, "confounded": 1, "missing": 1, "ok": 1}
    slow = next(cell for cell in document["cells"] if cell["verdict"] == "slower")
    assert slow["ratio_low"] > 1.03
    assert slow["processes"] == slow["processes_baseline"] == 6
    assert "does not cancel" in document["method"].replace("\n", " ")


def test_json_of_a_single_process_has_no_infinity() -> None:
    document = json.loads(
        str(check_table(check_records([timed(variant(), 0, 0.1)], [timed(variant(), 0, 0.2)]), "json"))
    )
    assert document["cells"][0]["ratio_high"] is None
    assert document["cells"][0]["reason"] == "n<5"


def test_the_words_below_say_what_was_allowed_and_what_was_not_checked() -> None:
    assert say_check(check()) == "1 slower, 1 confounded, 1 missing, 1 ok (3 % slower is allowed)"
    lacking = [record(status=Status.UNSUPPORTED, reason="LSTM")]
    empty = check_records(lacking, lacking)
    assert say_check(empty) == "no cell (3 % slower is allowed)"
    assert "Not checked: vgg16-infer-b1@numpy-1.24.2-distro-openblas-cpu:t1: unsupported" in str(
        check_table(empty, "markdown")
    ).replace("\\", "")
