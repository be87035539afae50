"""Which workloads of the user's own are there, and is each what its file says?"""

from __future__ import annotations

import math
import os
import re
import stat
from typing import TYPE_CHECKING, Any

from orchestrator.catalog.rows import make_noun, read_toml
from orchestrator.errors import SpecError
from orchestrator.nouns.script import Script

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from orchestrator.nouns.job import Expected

NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"
FILE = re.compile(rf"{SEGMENT}(/{SEGMENT}){{0,7}}")
WORD = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,1024}")
KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
PATH_CHARACTERS = 120
"""Of a path of several segments: more would not fit into a tar's header."""
RESERVED = frozenset({"job.json", "reply.json", "workloads"})
"""What lies in the working folder beside a script's own files."""
MOST_FILES = 64
MOST_BYTES = 64 * 2**20
"""Of all files of a script: they are held in memory, and travel with each of its trials."""
MOST_ENTRIES = 64
"""Arguments, words of the command line, outputs."""
MOST_VALUES = 4096
"""Of one output: a reply has to hold them."""
TEXT_CHARACTERS = 4096
LARGEST_INT = 2**53
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a named pipe without a writer would wait for ever
PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_scripts(folders: Iterable[Path], networks: Collection[str] = ()) -> dict[str, Script]:
    """Name -> script, from `<name>.toml` of these folders and the files beside it.

    Raises SpecError for a file that does not say what it should, for one that is no regular file below its folder,
    and for a name that a network or another script has.
    """
    scripts: dict[str, Script] = {}
    for folder in folders:
        if not folder.is_dir():
            raise SpecError(f"{folder}: there is no such folder; key scripts of bench.toml names it")
        for path in sorted(folder.glob("*.toml")):
            script = _read_script(path)
            if script.name in networks:
                raise SpecError(f"{path}: a network is called {script.name} too; give the script another name")
            if script.name in scripts:
                raise SpecError(f"{path}: another folder has a script {script.name} too; give one another name")
            scripts[script.name] = script
    return scripts


def _read_script(path: Path) -> Script:
    """What the TOML says is checked before any file that it names is opened."""
    data = {"name": path.stem, **read_toml(path)}
    for key, value, expected in _find_shapes(data):
        raise SpecError(f"{path}: key {key}: {value!r} is not allowed; expected {expected}")
    names = data.get("files", [])
    declared = make_noun(Script, {**data, "files": dict.fromkeys(names, b"")}, str(path))
    if declared.name != path.stem:
        raise SpecError(f"{path}: key name: expected {path.stem!r}, as the file is called")
    for key, value, expected in _find_problems(declared):
        raise SpecError(f"{path}: key {key}: {value!r} is not allowed; expected {expected}")
    return declared.model_copy(update={"files": _read_files(path, names)})


def _find_shapes(data: dict[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """What is no list or table of the right kind, as (key, value, what was expected)."""
    names = data.get("files")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        yield "files", names, "a list of paths of files beside this one"
    elif len(set(names)) != len(names) or len(names) > MOST_FILES:
        yield "files", names, f"at most {MOST_FILES} different paths"
    arguments = data.get("arguments", {})
    if not isinstance(arguments, dict):
        yield "arguments", arguments, "a table, [arguments]"
    else:
        for key, value in arguments.items():
            if not isinstance(value, str | int | float):
                yield f"arguments.{key}", value, "a text, a number, true or false"


def _find_problems(script: Script) -> Iterator[tuple[str, Any, str]]:
    """What no trial could be made of, as (key, value, what was expected)."""
    if not NAME.fullmatch(script.name):
        yield "name", script.name, "small letters, digits and _, 64 at most, as in my_sort"
    for name in script.files:
        if not FILE.fullmatch(name) or len(name) > PATH_CHARACTERS:
            yield "files", name, "a short path below the folder of this file, of letters, digits and . _ -"
        elif name.partition("/")[0] in RESERVED:
            yield "files", name, f"another name than {', '.join(sorted(RESERVED))}, which lie beside it"
    if not script.argv or not (script.argv[0] == "python3" or script.executables):
        yield "argv", list(script.argv), 'a command line that begins with "python3", or with "./" and one of `files`'
    if len(script.argv) > MOST_ENTRIES or not all(WORD.fullmatch(word) for word in script.argv):
        yield "argv", list(script.argv), f"at most {MOST_ENTRIES} words without control characters"
    yield from _arguments(script)
    if len(script.expected) > MOST_ENTRIES:
        yield "expected", len(script.expected), f"at most {MOST_ENTRIES} outputs"
    for name, expected in script.expected.items():
        if not KEY.fullmatch(name):
            yield "expected", name, "a name of small letters, digits and _"
        if problem := _expectation(expected):
            yield f"expected.{name}", expected.model_dump(mode="json"), problem


def _arguments(script: Script) -> Iterator[tuple[str, Any, str]]:
    if len(script.arguments) > MOST_ENTRIES:
        yield "arguments", len(script.arguments), f"at most {MOST_ENTRIES} of them"
    for key, value in script.arguments.items():
        if not KEY.fullmatch(key):
            yield "arguments", key, "a name of small letters, digits and _"
        if isinstance(value, str) and len(value) > TEXT_CHARACTERS:
            yield f"arguments.{key}", value[:80], f"at most {TEXT_CHARACTERS} characters"
        if isinstance(value, float) and not math.isfinite(value):
            yield f"arguments.{key}", value, "a number that JSON can hold"
        if isinstance(value, int) and abs(value) > LARGEST_INT:
            yield f"arguments.{key}", value, "an integer up to 2^53, which every reader of JSON knows"


def _expectation(expected: Expected) -> str:
    numbers = (*expected.values, expected.spread, expected.tolerance)
    if not 0 < len(expected.values) == len(expected.positions) <= MOST_VALUES:
        return f"as many values as positions, from 1 to {MOST_VALUES}"
    if min(expected.positions) < 0 or not all(map(math.isfinite, numbers)):
        return "positions from 0, and finite numbers"
    return "" if expected.spread > 0 and expected.tolerance >= 0 else "a spread above 0 and a tolerance from 0"


def _read_files(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The content of each; no link is followed, not even one in place of a folder on the way."""
    contents: dict[str, bytes] = {}
    room = MOST_BYTES
    for name in names:
        try:
            contents[name] = _read_file(path.parent, name, room)
        except OSError as error:
            raise SpecError(f"{path}: key files: {name}: {error.strerror}; expected a regular file here") from None
        except ValueError as error:
            raise SpecError(f"{path}: key files: {name}: {error}") from None
        room -= len(contents[name])
    return contents


def _read_file(folder: Path, name: str, room: int) -> bytes:
    """Raises OSError where it cannot be opened, ValueError where it is not to be read."""
    *parents, last = name.split("/")
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            inner = os.open(part, FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        handle = os.open(last, PLAIN, dir_fd=here)
    finally:
        os.close(here)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no regular file")
        content = file.read(room + 1)
    if len(content) > room:
        raise ValueError(f"the files of a script may have {MOST_BYTES >> 20} MiB together")
    return content
