"""Words that only this place knows, and where they turned up."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.command import Bench

FORMATS = ("table", "csv", "json", "markdown", "parquet")


class Canary:
    """One secret per place that has one, so that a leak names its source."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """The word of a place, always the same."""
        return self.words.setdefault(place, f"canary{len(self.words)}x{uuid.uuid4().hex}")

    def index_url(self, host: str = "127.0.0.1:9") -> str:
        """An index where nobody answers, with a user, a password and a path."""
        return f"http://{self('index user')}:{self('index password')}@{host}/{self('index path')}/simple"

    def proxies(self, kind: str) -> dict[str, str]:
        """Proxy variables, in both spellings, of a proxy where nobody answers."""
        url = f"http://{self(f'{kind} user')}:{self(f'{kind} password')}@127.0.0.1:9"
        return {name: url for each in ("http_proxy", "https_proxy") for name in (each, each.upper())}

    def count(self, data: bytes) -> dict[str, int]:
        """Place -> how often its word is there, plain or in base 64; without the places of which none is."""
        found = {}
        for place, word in self.words.items():
            hits = sum(data.count(each.encode()) for each in {word, base64.b64encode(word.encode()).decode()})
            if hits:
                found[place] = hits
        return found


def say_counts(canary: Canary, searched: Mapping[str, int], leaks: Mapping[str, object]) -> str:
    """`7 canaries, 3 files, 12 answers: 0 hits`."""
    what = ", ".join(f"{number} {name}" for name, number in searched.items())
    return f"{len(canary.words)} canaries, {what}: {len(leaks)} hits"


def search_files(canary: Canary, folders: Iterable[Path]) -> tuple[int, dict[str, dict[str, int]]]:
    """How many files were read, and the leaks by file."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {str(path): hits for path in files if (hits := canary.count(path.read_bytes()))}
    return len(files), found


def search_answers(
    canary: Canary, bench: Bench, store: Path, env: Mapping[str, str]
) -> tuple[int, dict[str, dict[str, int]]]:
    """The same for what the tool says of a store, in every format, and for `doctor --json`."""
    said: dict[str, bytes] = {}
    for command in (("results",), ("compare", "--by", "framework")):
        for form in FORMATS:
            output = ("--output", bench.folder / f"{len(said)}.{form}") if form == "parquet" else ()
            answer = bench(*command, "--store", store, "--format", form, *output, env=env)
            data = Path(output[1]).read_bytes() if output and Path(output[1]).exists() else b""
            said[f"{' '.join(command)} {form}"] = data + answer.out.encode() + answer.err.encode()
    answer = bench("doctor", "--json", "--store", store, env=env)
    said["doctor"] = answer.out.encode() + answer.err.encode()
    answer = bench("verify", "--store", store, env=env)
    said["verify"] = answer.out.encode() + answer.err.encode()
    return len(said), {name: hits for name, data in said.items() if (hits := canary.count(data))}
