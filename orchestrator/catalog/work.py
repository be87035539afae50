"""Which networks, workloads and suites are there?"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.catalog.resize import Networks
from orchestrator.catalog.rows import make_noun, read_toml, refuse_forbidden
from orchestrator.errors import SpecError, UnknownNameError
from orchestrator.nouns.workload import Dtype, Mode, Network, Suite, Workload

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

NARROW = tuple(dtype for dtype in Dtype if dtype is not Dtype.FLOAT32)
IDENTIFIER = re.compile(
    rf"(?P<network>[a-z0-9_.]+)-(?P<mode>{'|'.join(Mode)})-b(?P<batch>[1-9][0-9]{{0,5}})(-(?P<dtype>{'|'.join(NARROW)}))?"
)


def read_networks(folder: Path | None = None) -> Networks:
    """Name -> network, from `networks/*.json`; raises SpecError for a file that is none."""
    networks = {}
    for path in sorted((folder or paths.workloads_dir() / "networks").glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise SpecError(f"{path}: cannot be read as JSON: {error}") from None
        where = f"networks/{path.name}"
        if not isinstance(data, dict):
            raise SpecError(f"{where}: expected one JSON object")
        network = make_noun(Network, data, where)
        if network.name != path.stem:
            raise SpecError(f"{where}: key name: expected {path.stem!r}, as the file is called")
        networks[network.name] = network
    return Networks(networks)


def read_suites(folder: Path | None = None) -> dict[str, Suite]:
    """Name -> suite, from `suites/*.toml`; every workload in it must be one of a known network."""
    root = folder or paths.workloads_dir()
    networks = read_networks(root / "networks")
    suites = {}
    for path in sorted((root / "suites").glob("*.toml")):
        where = f"suites/{path.name}"
        data = read_toml(path)
        refuse_forbidden(data, where)
        suite = make_noun(Suite, {"name": path.stem, "method": {}, **data}, where)
        if suite.name != path.stem:
            raise SpecError(f"{where}: key name: expected {path.stem!r}, as the file is called")
        for name in suite.workloads:
            try:
                parse_workload(name, networks)
            except UnknownNameError as error:
                raise SpecError(f"{where}: key workloads: {error}") from None
        suites[suite.name] = suite
    return suites


def read_workloads(folder: Path | None = None, scripts: Collection[str] = ()) -> tuple[Workload, ...]:
    """Every network at batch 1, then what the suites name beyond that, then every script at batch 1; each once."""
    root = folder or paths.workloads_dir()
    networks = read_networks(root / "networks")
    found = {work.id: work for work in (Workload(network=name) for name in networks)}
    for suite in read_suites(root).values():
        for name in suite.workloads:
            found.setdefault(name, parse_workload(name, networks))
    return (*found.values(), *(Workload(network=name, mode=Mode.SCRIPT) for name in scripts))


def parse_workload(name: str, networks: Collection[str], scripts: Collection[str] = ()) -> Workload:
    """`vgg16-infer-b1`, `...-b1-bfloat16` or `my_sort-script-b1` as a workload.

    Raises UnknownNameError where no network is called so, or no script of the user's.
    """
    match = IDENTIFIER.fullmatch(name)
    if match is None or match["network"] not in (scripts if match["mode"] == Mode.SCRIPT else networks):
        known = [Workload(network=network).id for network in networks]
        raise UnknownNameError("workload", name, [*known, *(f"{script}-{Mode.SCRIPT}-b1" for script in scripts)])
    dtype = Dtype(match["dtype"] or Dtype.FLOAT32)
    return Workload(network=match["network"], mode=Mode(match["mode"]), batch=int(match["batch"]), dtype=dtype)


def select_workloads(text: str, folder: Path | None = None, scripts: Collection[str] = ()) -> tuple[Workload, ...]:
    """Comma list of globs over the known workloads and of identifiers; an identifier may have any batch and size.

    `resnet50.{128,224}-train-b{1,8}` are four. `scripts` are the names of the user's own.
    """
    known = read_workloads(folder, scripts)
    networks = read_networks((folder or paths.workloads_dir()) / "networks")
    chosen: dict[str, Workload] = {}
    for pattern in _split(text):
        hits = [work for work in known if fnmatchcase(work.id, pattern)] or [parse_workload(pattern, networks, scripts)]
        chosen.update((work.id, work) for work in hits)
    return tuple(chosen.values())


def _split(text: str) -> list[str]:
    """At the commas outside of braces, each part once for every word inside its braces."""
    parts = [part.strip() for part in re.split(r",(?![^{}]*\})", text) if part.strip()]
    found: list[str] = []
    for part in parts:
        match = re.search(r"\{([^{}]*)\}", part)
        if match is None:
            found.append(part)
            continue
        for word in match[1].split(","):
            found += _split(f"{part[: match.start()]}{word.strip()}{part[match.end() :]}")
    return found
