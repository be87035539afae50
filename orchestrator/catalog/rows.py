"""Which rows does the catalogue hold, and where exactly is a file that does not say what it should wrong?"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from orchestrator import paths
from orchestrator.catalog.fields import find_problems
from orchestrator.catalog.forbidden import find_forbidden
from orchestrator.errors import SpecError
from orchestrator.nouns.base import Noun
from orchestrator.nouns.job import Expected
from orchestrator.nouns.variant import Absent, Archive, Recipe, Source, Variant
from orchestrator.nouns.workload import Method

if TYPE_CHECKING:
    from pathlib import Path

N = TypeVar("N", bound=Noun)
NESTED: dict[str, type[BaseModel]] = {
    "source": Source,
    "recipe": Recipe,
    "archives": Archive,
    "method": Method,
    "expected": Expected,
}


class Catalogue(Noun):
    """Every row that can be built, and every combination that cannot, with its reason."""

    variants: tuple[Variant, ...]
    absent: tuple[Absent, ...] = ()


def read_variants(folder: Path | None = None) -> Catalogue:
    """Read `variants/*.toml` of the images folder, in the order of the files and of the rows in them.

    Raises SpecError for the first thing that is wrong: file, row, key, what was expected, the nearest key.
    """
    folder = folder or paths.images_dir() / "variants"
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise SpecError(f"{folder}: no catalogue here (expected files <framework>.toml); see BENCH_IMAGES")
    variants: list[Variant] = []
    absent: list[Absent] = []
    for path in files:
        found = _read_file(path)
        variants += found.variants
        absent += found.absent
    _refuse_duplicates(variants)
    return Catalogue(variants=tuple(variants), absent=tuple(absent))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises SpecError with file, line and column where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SpecError(f"{path}: cannot be read as TOML: {error}") from None


def refuse_forbidden(data: dict[str, Any], where: str) -> None:
    """Raises SpecError for the first setting that would open a container."""
    for key, why in find_forbidden(data):
        raise SpecError(f"{where}: key {key} is refused: {why}")


def make_noun(kind: type[N], data: dict[str, Any], where: str) -> N:
    """One noun from a table; SpecError names `where`, the key, what was expected and the nearest known key."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise SpecError(f"{where}: {_explain(kind, error)}") from None


def _read_file(path: Path) -> Catalogue:
    data = read_toml(path)
    where = f"{path.parent.name}/{path.name}"
    refuse_forbidden(data, where)
    known = ("defaults", "variant", "absent")
    if unknown := sorted(set(data) - set(known)):
        raise SpecError(f"{where}: {_unknown(unknown[0], known)}")
    defaults = data.get("defaults", {})
    rows = data.get("variant", [])
    if not isinstance(defaults, dict) or not isinstance(rows, list) or not isinstance(data.get("absent", []), list):
        raise SpecError(f"{where}: expected one table [defaults] and rows [[variant]] and [[absent]]")
    variants = tuple(_make_variant({**defaults, **row}, f"{where}, row {n}") for n, row in enumerate(rows, 1))
    absent = tuple(make_noun(Absent, row, f"{where}, absent {n}") for n, row in enumerate(data.get("absent", []), 1))
    for variant in variants:
        if variant.framework != path.stem:
            raise SpecError(f"{where}: {variant.id}: key framework: expected {path.stem!r}, as the file is called")
    return Catalogue(variants=variants, absent=absent)


def _make_variant(row: dict[str, Any], where: str) -> Variant:
    parts = [row.get(key, "") for key in ("framework", "version", "install", "blas", "tag")]
    where = f"{where} ({'-'.join(str(part) for part in [*parts, row.get('device', 'cpu')] if part)})"
    variant = make_noun(Variant, row, where)
    for key, value, expected in find_problems(variant):
        raise SpecError(f"{where}: key {key}: {value!r} is not allowed; expected {expected}")
    return variant


def _explain(kind: type[Noun], error: ValidationError) -> str:
    # A misspelt key is unknown and missing at once: the unknown one says more.
    found = error.errors(include_url=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    place = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        owner = next((NESTED[part] for part in reversed(place[:-1]) if part in NESTED), kind)
        return _unknown(place[-1], owner.model_fields)
    message = first["msg"]
    if first["type"] == "string_type" and place[-1] in {"version", "python"}:
        message = 'expected a string: TOML reads 3.10 as the number 3.1, so write "3.10" in quotes'
    if first["type"] == "missing":
        return f"key {'.'.join(place)} is missing"
    return f"key {'.'.join(place)}: {first['input']!r}: {message}"


def _unknown(key: str, known: Any) -> str:
    near = get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}")


def _refuse_duplicates(variants: list[Variant]) -> None:
    seen: set[str] = set()
    for variant in variants:
        if variant.id in seen:
            raise SpecError(
                f"variants/{variant.framework}.toml: two rows are called {variant.id}; tell them apart by `tag`"
            )
        seen.add(variant.id)
