"""What does a page say of where records come from: machines, builds, images, files that gave none?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.trials import differing_fields
from orchestrator.analysis.wording import say_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.analysis.overview import Build, Overview, Setting
    from orchestrator.analysis.trials import Context
    from orchestrator.nouns.image import Packages
    from orchestrator.nouns.variant import Variant
    from orchestrator.store.reading import Problem

# Field of a context -> what a reader calls it; the others stand in the full list.
HEADLINES = {
    "host.cpu_model": "CPU",
    "host.cpu_count": "CPUs",
    "host.cores": "cores",
    "host.hypervisor": "hypervisor",
    "host.gpu_model": "GPU",
    "host.kernel": "kernel",
    "host.governor": "governor",
    "host.microcode": "microcode",
    "engine": "engine",
    "workloads_hash": "workload code",
    "method.min_time_s": "timed for at least, seconds",
    "method.min_count": "samples at least",
    "method.warmup": "warm-up",
    "method.seed": "seed",
}
MACHINE = frozenset({"CPU", "CPUs", "cores", "hypervisor", "GPU", "kernel", "engine"})
"""Of these, the ones that tell a reader which machine it was."""
UNKNOWN = "None"
"""What a context says of what could not be read."""


@dataclass(frozen=True)
class SettingView:
    """A setting as it is shown: the usual fields, what tells it from the first one, and everything."""

    number: int
    trials: str
    headlines: tuple[tuple[str, str], ...]
    differs: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    """Names of the fields that this machine did not show."""


@dataclass(frozen=True)
class ImageView:
    """An image that a build ran in."""

    name: str
    identifier: str
    packages: tuple[str, ...]
    """Everything that is installed in it; empty where that is not known, or as in the image before."""
    said: str
    """`212 packages`, or why there are none."""


@dataclass(frozen=True)
class BuildView:
    """What a build claims, what was proved, and what it was made from."""

    name: str
    label: str
    proved: tuple[tuple[str, str], ...]
    trials: str
    images: tuple[ImageView, ...]
    libraries: tuple[str, ...]
    packages: tuple[str, ...]
    """As its row pins them."""
    why: str


@dataclass(frozen=True)
class Unverified:
    """A row of which the catalogue itself says that nobody has seen it run."""

    name: str
    why: str
    here: str


@dataclass(frozen=True)
class ProblemView:
    """A file of the store that gave no record."""

    file: str
    kind: str
    reason: str


def make_settings(overview: Overview) -> list[SettingView]:
    """The settings of the trials, numbered as the results name them."""
    first = overview.settings[0].context if overview.settings else ()
    return [_make_setting(number, setting, first) for number, setting in enumerate(overview.settings, 1)]


def find_machines(settings: Iterable[SettingView]) -> list[tuple[tuple[str, str], ...]]:
    """What the settings say of their machines, each once."""
    found = (tuple(pair for pair in setting.headlines if pair[0] in MACHINE) for setting in settings)
    return list(dict.fromkeys(found))


def make_builds(overview: Overview) -> list[BuildView]:
    """Every build that was measured."""
    return [_make_build(build, overview.sboms) for build in overview.builds]


def find_unverified(rows: Iterable[Variant], overview: Overview) -> list[Unverified]:
    """The rows of the catalogue that are not verified, and what this store holds of them."""
    held = {build.variant.id: build for build in overview.builds}
    found = []
    for row in rows:
        if row.unverified:
            here = held.get(row.id)
            said = f"{here.valid} of {say_number(here.trials, 'trial')} valid" if here else "no record"
            found.append(Unverified(row.id, row.unverified, said))
    return found


def make_problems(problems: Sequence[Problem], root: Path) -> list[ProblemView]:
    """By file; where the store lies is its owner's own affair."""
    views = []
    for each in problems:
        inside = each.path.relative_to(root) if each.path.is_relative_to(root) else each.path.name
        views.append(ProblemView(str(inside), each.kind, each.reason.replace(f"{root}/", "")))
    return sorted(views, key=lambda view: (view.file, view.kind, view.reason))


def _make_setting(number: int, setting: Setting, first: Context) -> SettingView:
    values = dict(setting.context)
    shown = [(name, values.get(field, UNKNOWN)) for field, name in HEADLINES.items()]
    known = [(name, value[:12] if name == "workload code" else value) for name, value in shown if value != UNKNOWN]
    other = dict(first)
    differs = [
        f"{name.removeprefix('host.')}: {values.get(name, UNKNOWN)}, not {other.get(name, UNKNOWN)}"
        for name in differing_fields(first, setting.context)
    ]
    return SettingView(
        number=number,
        trials=say_number(setting.trials, "trial"),
        headlines=(*known, ("pinned to", " or ".join(f"CPU {cpus}" for cpus in setting.cpus))),
        differs=tuple(differs),
        fields=tuple((name, value) for name, value in setting.context if value != UNKNOWN),
        unread=tuple(name.removeprefix("host.") for name, value in setting.context if value == UNKNOWN),
    )


def _make_build(build: Build, sboms: Mapping[str, Packages]) -> BuildView:
    row, facts = build.variant, build.facts
    parts = (facts.get("BLAS"), facts.get("BLAS core"), facts.get("BLAS threading"))
    proved = {
        "BLAS": ", ".join(part for part in parts if part) or ("none mapped: compiled in" if facts else "nothing"),
        "oneDNN": facts.get("oneDNN", ""),
        "OpenMP": facts.get("OpenMP", ""),
        "framework": facts.get("framework", ""),
        "Python": facts.get("python", ""),
        "numpy": facts.get("numpy", ""),
    }
    return BuildView(
        name=row.id,
        label=f"{row.framework} {row.version}, {row.install}, {row.blas}, oneDNN {row.onednn}",
        proved=tuple((name, value) for name, value in proved.items() if value not in {"", "absent"}),
        trials=f"{build.valid} of {build.trials} valid",
        images=_make_images(build, sboms),
        libraries=build.libraries,
        packages=_list_packages(row),
        why=row.why,
    )


def _make_images(build: Build, sboms: Mapping[str, Packages]) -> tuple[ImageView, ...]:
    views: list[ImageView] = []
    before: Packages | None = None
    for name, identifier in build.images:
        found = sboms.get(identifier)
        if found is None:
            views.append(ImageView(name, identifier, (), ""))
        elif found == before:
            views.append(ImageView(name, identifier, (), "the same packages"))
        else:
            packages = tuple(f"{package} {version}" for package, version in sorted(found.items()))
            views.append(ImageView(name, identifier, packages, say_number(len(packages), "package")))
        before = found or before
    return tuple(views)


def _list_packages(row: Variant) -> tuple[str, ...]:
    made = [row.source.requirement] if row.source else []
    made += [row.recipe.requirement] if row.recipe and row.recipe.requirement else []
    made += [f"{archive.file} sha256:{archive.sha256}" for archive in row.recipe.archives] if row.recipe else []
    return (*made, *row.pip, *(f"{name} (Debian)" for name in (*row.blas_apt, *row.apt)))


def count_words(counts: Mapping[str, int] | Iterable[tuple[str, int]]) -> str:
    """`3 faster, 1 slower`."""
    return ", ".join(f"{count} {word}" for word, count in dict(counts).items())
