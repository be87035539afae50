"""What is the Dockerfile of a row, with everything that its build reads?"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from orchestrator import paths
from orchestrator.catalog.fields import PROVIDERS, REQUIREMENT, TRIPLET, find_problems
from orchestrator.errors import SpecError
from orchestrator.nouns.image import Image
from orchestrator.render.locks import ask_build, ask_runtime, read_row_lock, same_name
from orchestrator.render.parse import check_dockerfile

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2.sandbox import SandboxedEnvironment

    from orchestrator.nouns.variant import Variant
    from orchestrator.render.locks import Pin


class Expected(NamedTuple):
    """What the alternatives of libblas.so.3 must say in the finished image."""

    chosen: str
    all: tuple[str, ...]


def render_image(variant: Variant, folder: Path | None = None) -> Image:
    """The image of a row: equal content has an equal name, so rows that differ only at run time share it.

    Reads templates and locks in `folder` (default: the images folder) and nothing else. Raises LockError for a lock
    that is missing, SpecError for a row that may not become a Dockerfile.
    """
    folder = folder or paths.images_dir()
    for key, value, expected in find_problems(variant):
        raise SpecError(f"{variant.id}: key {key}: {value!r} is not allowed; expected {expected}")
    context, hashes = make_context(variant, folder / "locks")
    context |= read_program(variant, folder / "programs")
    dockerfile = _fill_template(variant, folder / "templates")
    check_dockerfile(dockerfile, variant)
    text = json.dumps({"dockerfile": dockerfile, "context": context}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    parts = [variant.framework, variant.version, variant.install, variant.blas, variant.device]
    # A repository's name is lower case and has no plus sign.
    name = "-".join(str(part) for part in parts).lower().replace("+", "_")
    return Image(
        name=f"bench/{name}:{digest[:12]}",
        dockerfile=dockerfile,
        context=context,
        base=variant.base,
        digest=digest,
        wheel_hashes=hashes,
    )


def make_context(variant: Variant, locks: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """File name -> text: what is installed, what is made into wheels, and what makes them."""
    source, recipe = variant.source, variant.recipe
    compiled = source.requirement if source else recipe.requirement if recipe else ""
    made = [*variant.sdists, *([compiled.partition("==")[0]] if compiled else [])]
    pins: dict[str, list[Pin]] = {}
    for file, asked in (("requirements.txt", ask_runtime(variant)), ("build.txt", ask_build(variant))):
        for pin in read_row_lock(variant, asked, locks) if asked.requirements else ():
            if not any(same_name(pin.name, name) for name in made):
                pins.setdefault(file, []).append(pin)
            elif pin not in pins.setdefault("sdist.txt", []):
                pins["sdist.txt"].append(pin)
    # Options stand beside the requirement that they are for: on the command line they would be shell text.
    options = " ".join(f"--config-settings=setup-args=-D{arg}" for arg in source.setup_args) if source else ""
    context = {
        file: "".join(
            f"{pin.text} \\\n    {options}\n" if options and same_name(pin.name, made[-1]) else f"{pin.text}\n"
            for pin in found
        )
        for file, found in pins.items()
    }
    if source and source.git:
        context["sdist.txt"] = f"{source.requirement.partition('==')[0]} @ git+{source.git}\n"
    hashes = {value for found in pins.values() for pin in found for value in pin.hashes}
    hashes |= {archive.sha256 for archive in recipe.archives if archive.sha256} if recipe else set()
    return context, tuple(sorted(hashes))


def read_program(variant: Variant, folder: Path) -> dict[str, str]:
    """File name -> text of the row's C++ program and of the headers that programs share; nothing for a row without."""
    if not variant.program:
        return {}
    main = folder / f"{variant.program}.cpp"
    if not main.is_file():
        raise SpecError(f"{variant.id}: key program: {variant.program!r}: {folder} has no {main.name}")
    return {path.name: path.read_text(encoding="utf-8") for path in sorted([main, *folder.glob("*.h")])}


@lru_cache
def _make_environment(folder: Path) -> SandboxedEnvironment:
    """Made once: it takes longer than filling a template, and a plan fills a hundred."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # Dockerfiles are not HTML: autoescape would corrupt them. What may be inserted is decided by catalog/fields.py.
    return SandboxedEnvironment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _fill_template(variant: Variant, folder: Path) -> str:
    match = REQUIREMENT.fullmatch(variant.source.requirement) if variant.source else None
    name = f"recipes/{variant.recipe.name}.j2" if variant.recipe else f"{variant.install}.j2"
    return (
        _make_environment(folder)
        .get_template(name)
        .render(
            row=variant.model_dump(mode="json"),
            expected=_expect(variant),
            triplet=TRIPLET,
            distribution=match["name"] if match else "",
        )
    )


def _expect(variant: Variant) -> Expected:
    """Paths that the providers among the row's packages register, and the one that must be chosen."""
    found = sorted(PROVIDERS[name][1] for name in variant.blas_apt if name in PROVIDERS)
    return Expected(variant.blas_alternative or (found[0] if found else ""), tuple(found))
