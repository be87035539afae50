"""Is a workload of the user's own taken as its file says, and everything else refused with the place?"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.catalog import scripts as module
from orchestrator.catalog.scripts import read_scripts
from orchestrator.catalog.work import parse_workload, select_workloads
from orchestrator.errors import SpecError, UnknownNameError
from orchestrator.nouns.script import Script
from orchestrator.nouns.workload import Mode, Workload

GOOD = {"argv": '["python3", "mine.py", "-x"]', "files": '["mine.py"]'}


def write(folder: Path, *, more: str = "", stem: str = "mine", **changes: str) -> Path:
    """`<stem>.toml` with GOOD and these keys, as TOML writes them, and a file beside it."""
    keys = {key: value for key, value in (GOOD | changes).items() if value}
    (folder / f"{stem}.toml").write_text("\n".join([*(f"{key} = {value}" for key, value in keys.items()), more]))
    (folder / "mine.py").write_text("1")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(SpecError) as caught:
        read_scripts([folder])
    text = str(caught.value)
    assert "mine" in text, "it names the file"
    return text


def test_a_script_is_what_its_file_says_with_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "data.bin").write_bytes(b"\0\1")
    more = """
        [arguments]
        n = 3
        x = 1.0
        yes = true
        text = "$(id); `id` ../.."
        [expected.sum]
        positions = [0]
        values = [1]
        spread = 1
        tolerance = 0.5
    """
    write(tmp_path, files='["mine.py", "deep/data.bin"]', title='"Mine"', more=more)
    (found,) = read_scripts([tmp_path], ["vgg16"]).values()
    assert (found.name, found.title, found.argv) == ("mine", "Mine", ("python3", "mine.py", "-x"))
    assert found.files == {"mine.py": b"1", "deep/data.bin": b"\0\1"}
    assert [(key, type(value)) for key, value in found.arguments.items()] == [
        ("n", int),
        ("x", float),
        ("yes", bool),
        ("text", str),
    ]
    assert found.expected["sum"].tolerance == 0.5
    assert found.executables == frozenset()
    write(tmp_path, argv='["./mine.py"]')
    assert read_scripts([tmp_path])["mine"].executables == {"mine.py"}


PATHS = {
    "the folder above": "../mine.py",
    "a folder above, on the way": "deep/../../mine.py",
    "the root": "/etc/passwd",
    "this folder": "./mine.py",
    "an option": "-rf",
    "hidden": ".ssh",
    "a blank": "mine py",
    "a shell's words": "$(id)",
    "a line": "mine.py\\nx",
    "nothing": "",
    "a NUL": "mine\\u0000.py",
    "right to left": "mine\\u202e.py",
    "two slashes": "deep//mine.py",
    "the end": "deep/",
    "long": "x" * 65,
    "long in all": "/".join(["x" * 60] * 3),
    "deep": "/".join(["x"] * 9),
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_that_leaves_the_folder_or_could_mean_something_else_is_refused(tmp_path: Path, path: str) -> None:
    text = refusal(write(tmp_path, files=f'["{path}"]'))
    assert "key files" in text and "below the folder" in text


@pytest.mark.parametrize("path", ["job.json", "reply.json", "workloads", "workloads/harness.py", "job.json/x"])
def test_what_the_harness_lays_beside_a_script_cannot_be_one_of_its_files(tmp_path: Path, path: str) -> None:
    assert "lie beside it" in refusal(write(tmp_path, files=f'["mine.py", "{path}"]'))


@pytest.mark.parametrize("kind", ["missing", "link", "dangling", "link on the way", "folder", "pipe", "socket"])
def test_only_regular_files_are_read_and_no_link_is_followed(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x").write_text("of another folder")
    folder = tmp_path / "scripts"
    folder.mkdir()
    path, named = folder / "x", "x"
    if kind == "link":
        path.symlink_to(secret / "x")
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "link on the way":
        path.symlink_to(secret)
        named = "x/x"
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    assert "regular file" in refusal(write(folder, files=f'["mine.py", "{named}"]'))


def test_there_is_an_end_to_the_number_of_files_and_to_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"f{number}" for number in range(64)]
    for name in names:
        (tmp_path / name).write_text("x" * 10)
    listed = ", ".join(f'"{name}"' for name in names)
    assert len(read_scripts([write(tmp_path, files=f"[{listed}]")])["mine"].files) == 64
    assert "at most 64" in refusal(write(tmp_path, files=f'[{listed}, "mine.py"]'))
    assert "at most 64" in refusal(write(tmp_path, files='["mine.py", "mine.py"]'))
    assert module.MOST_BYTES == 64 * 2**20
    write(tmp_path, files=f"[{listed}]")
    monkeypatch.setattr(module, "MOST_BYTES", 640)
    assert read_scripts([tmp_path])
    (tmp_path / "f0").write_text("x" * 11)
    assert "MiB together" in refusal(tmp_path)


def test_a_file_of_a_terabyte_is_not_read(tmp_path: Path) -> None:
    with (write(tmp_path) / "mine.py").open("r+b") as file:
        file.truncate(2**40)
        assert "64 MiB together" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"argv": '["/bin/sh", "-c", "x"]'}, 'begins with "python3"'),
        ({"argv": '["./other"]'}, 'begins with "python3"'),
        ({"argv": '["mine.py"]'}, 'begins with "python3"'),
        ({"argv": '["../mine.py"]'}, 'begins with "python3"'),
        ({"argv": "[]"}, 'begins with "python3"'),
        ({"argv": '["python3", "a\\nb"]'}, "control characters"),
        ({"argv": '["python3", ""]'}, "control characters"),
        ({"argv": ""}, "key argv is missing"),
        ({"files": ""}, "a list of paths"),
        ({"files": "[]"}, "a list of paths"),
        ({"files": "[1]"}, "a list of paths"),
        ({"files": '"mine.py"'}, "a list of paths"),
        ({"name": '"other"'}, "as the file is called"),
        ({"titel": '"x"'}, "did you mean 'title'"),
        ({"arguments": "1"}, "a table"),
        ({"arguments": "{ a = [1] }"}, "a text, a number"),
        ({"arguments": "{ a = 2026-01-01 }"}, "a text, a number"),
        ({"arguments": "{ a = {} }"}, "a text, a number"),
        ({"arguments": "{ a = nan }"}, "JSON can hold"),
        ({"arguments": "{ a = inf }"}, "JSON can hold"),
        ({"arguments": "{ a = 9007199254740993 }"}, "2^53"),
        ({"arguments": '{ "A b" = 1 }'}, "small letters"),
        ({"arguments": f'{{ a = "{"x" * 4097}" }}'}, "4096 characters"),
        ({"arguments": "{" + ", ".join(f"a{n} = 1" for n in range(65)) + "}"}, "at most 64"),
    ],
)
def test_what_does_not_say_what_it_should_is_refused_with_key_and_expectation(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    assert words in refusal(write(tmp_path, **changes))


RIGHT = {"positions": "[0, 7]", "values": "[0.5, 1]", "spread": "0.5", "tolerance": "0"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"positions": "[0]"}, "as many values as positions"),
        ({"positions": "[]", "values": "[]"}, "as many values as positions"),
        ({"positions": "[-1, 0]"}, "positions from 0"),
        ({"values": "[nan, 1]"}, "finite"),
        ({"spread": "inf"}, "finite"),
        ({"spread": "0"}, "above 0"),
        ({"tolerance": "-1"}, "from 0"),
        ({"tolerence": "1"}, "did you mean 'tolerance'"),
        ({"values": '["a", "b"]'}, "valid number"),
    ],
)
def test_what_is_expected_of_an_output_can_be_held_against_it(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    table = "\n".join(["[expected.y]", *(f"{key} = {value}" for key, value in (RIGHT | changes).items())])
    folder = write(tmp_path, more=table)
    assert words in refusal(folder) if words else read_scripts([folder])["mine"].expected["y"].values == (0.5, 1.0)


@pytest.mark.parametrize("name", ["Mine", "mine-x", "mine.x", "_mine", "mine x", "m" * 65])
def test_a_name_that_no_identifier_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, stem=name)
    with pytest.raises(SpecError, match="small letters, digits and _"):
        read_scripts([tmp_path])


def test_no_two_workloads_have_one_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="a network is called mine too"):
        read_scripts([write(tmp_path)], ["mine"])
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(SpecError, match="another folder has a script mine too"):
        read_scripts([tmp_path, write(other)])
    with pytest.raises(SpecError, match="no such folder"):
        read_scripts([tmp_path / "nowhere"])


def test_an_identifier_names_a_script_by_its_mode_and_a_network_by_another() -> None:
    mine = Workload(network="mine", mode=Mode.SCRIPT, batch=8)
    assert parse_workload("mine-script-b8", ["vgg16"], ["mine"]) == mine
    assert mine.id == "mine-script-b8"
    for name in ("mine-infer-b1", "vgg16-script-b1", "min-script-b1"):
        with pytest.raises(UnknownNameError, match=f"no workload is called '{name}'"):
            parse_workload(name, ["vgg16"], ["mine"])
    with pytest.raises(UnknownNameError, match="did you mean 'mine-script-b1'"):
        parse_workload("mina-script-b1", ["vgg16"], ["mine"])
    assert [each.id for each in select_workloads("min*,mine-script-b{1,4}", scripts=["mine"])] == [
        "mine-script-b1",
        "mine-script-b4",
    ]


def test_what_a_script_is_told_of_itself_is_what_names_its_results() -> None:
    script = Script(name="mine", title="x", argv=("./mine",), files={"mine": b""}, arguments={"n": 1})
    assert script.told.model_dump() == {"name": "mine", "argv": ("./mine",), "arguments": {"n": 1}}
