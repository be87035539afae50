"""How does a text that a container or a file may have chosen become harmless where it is shown?"""

from __future__ import annotations

import re
import unicodedata

# ANSI and OSC sequences first, then what is left of control characters, and what turns the direction of writing.
_SEQUENCE = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_FORMULA = frozenset("=+-@")
_QUOTE = "'"


def clean_text(text: str) -> str:
    """One line that cannot steer a terminal: sequences and control characters are gone, line breaks are blanks."""
    return _CONTROL.sub("", re.sub(r"[\t\r\n]+", " ", _SEQUENCE.sub("", text)))


def csv_text(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (CWE-1236): a quote in front of = + - @, after blanks as well.

    A text that begins with a quote gets one too, so that taking one off gives every text back.
    """
    # Tabs and returns begin a formula too; clean_text makes blanks of them. Full-width signs are read like narrow ones.
    cleaned = clean_text(text)
    first = unicodedata.normalize("NFKC", cleaned).lstrip()[:1]
    return f"{_QUOTE}{cleaned}" if first in _FORMULA or cleaned.startswith(_QUOTE) else cleaned


def markdown_text(text: str) -> str:
    """A cell of a Markdown table: its signs are shown, not obeyed, and HTML stays text."""
    escaped = re.sub(r"([\\`*_\[\]|~])", r"\\\1", clean_text(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def xml_text(text: str) -> str:
    """Text that XML 1.0 can hold at all; the writer escapes its signs. Not every number is a character there."""
    return "".join(letter for letter in clean_text(text) if not _outside_xml(ord(letter)))


def _outside_xml(number: int) -> bool:
    return 0xD800 <= number <= 0xDFFF or number in (0xFFFE, 0xFFFF)
