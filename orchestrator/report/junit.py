"""How does a continuous integration server read a check? As JUnit's XML, which nobody standardised.

What Jenkins, GitLab and GitHub's readers agree on: testsuites > testsuite (name, tests, failures, errors, skipped,
time) > testcase (classname, name, time) > at most one of skipped and failure (message, type), then system-out. There
is no clock in it: equal checks give equal files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from orchestrator.report.escape import xml_text

if TYPE_CHECKING:
    from orchestrator.analysis.check import Check, Checked, CheckWord

NAME = "bench check"


def write_junit(check: Check, tolerated: frozenset[CheckWord] = frozenset()) -> str:
    """A test case per cell: failed as the command fails, skipped where nothing was checked and that is tolerated."""
    failing = set(map(id, check.failures(tolerated)))
    skipped = [item for item in check.items if item.word in tolerated and id(item) not in failing]
    counts = {
        "tests": str(len(check.items)),
        "failures": str(len(failing)),
        "errors": "0",
        "time": "0",
    }
    suites = ET.Element("testsuites", {"name": NAME, **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": NAME, **counts, "skipped": str(len(skipped))})
    for item in check.items:
        case = ET.SubElement(
            suite, "testcase", {"classname": xml_text(item.workload), "name": xml_text(item.cell), "time": "0"}
        )
        _add_verdict(case, item, "failure" if id(item) in failing else "skipped" if item.word in tolerated else "")
    ET.indent(suites)
    body = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _add_verdict(case: ET.Element, item: Checked, tag: str) -> None:
    if tag:
        about = {"message": xml_text(item.text)} | ({"type": str(item.word)} if tag == "failure" else {})
        ET.SubElement(case, tag, about).text = xml_text("; ".join(item.differences)) or None
    lines = [item.text, *(f"differs: {each}" for each in item.differences), *item.notes]
    ET.SubElement(case, "system-out").text = "\n".join(xml_text(line) for line in lines)
