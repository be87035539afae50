"""Can nothing that somebody else chose steer the terminal of who reads it?"""

from __future__ import annotations

import json

import pytest

from orchestrator.screen.plain import clean, say, write_json

NASTY = "a\x9b31m\u202eb\x1b]0;owned\x07c"


def test_what_is_said_holds_no_control_character_and_no_change_of_direction(capsys: pytest.CaptureFixture[str]) -> None:
    say(NASTY)
    assert capsys.readouterr().err == "a31mbc\n"


def test_lines_stay_lines_and_other_white_space_becomes_blanks() -> None:
    assert clean("one\ntwo\tthree\rfour") == "one\ntwo three four"


def test_a_document_holds_the_whole_text_and_none_of_its_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"said": NASTY})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"said": NASTY}
