"""What does the catalogue look like on a terminal?"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.catalog.cost import count_network
from orchestrator.errors import SpecError
from orchestrator.screen.plain import show, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.nouns.plan import Skipped
    from orchestrator.nouns.script import Script
    from orchestrator.nouns.variant import Recipe, Variant
    from orchestrator.nouns.workload import Network, Suite


def show_variants(variants: Iterable[Variant], skipped: Iterable[Skipped], *, as_json: bool) -> None:
    """Rows of the catalogue, then what does not exist and why."""
    if as_json:
        rows = [{"id": row.id, **row.model_dump(mode="json")} for row in variants]
        write_json({"variants": rows, "skipped": [{"name": name, "reason": reason} for name, reason in skipped]})
        return
    from rich.table import Table

    table = Table(title="Variants", title_justify="left")
    for column in ("variant", "install", "BLAS", "kernel", "oneDNN", "Python", "modes", "status"):
        table.add_column(column, no_wrap=column == "variant")
    for row in variants:
        core = f"forced: {row.core}" if row.core else "chosen by CPU" if row.blas in DETECTING else "-"
        status = f"not verified: {row.unverified}" if row.unverified else ""
        table.add_row(row.id, row.install, row.blas, core, row.onednn, row.python, ", ".join(row.modes), status)
    show(table)
    show_skipped(skipped)


DETECTING = frozenset({"openblas", "blis", "mkl"})


def show_skipped(skipped: Iterable[Skipped]) -> None:
    """What was asked for and will not run, gathered by reason."""
    from rich.table import Table

    gathered: dict[str, list[str]] = defaultdict(list)
    for name, reason in skipped:
        gathered[reason].append(name)
    if not gathered:
        return
    table = Table(title="Skipped", title_justify="left")
    table.add_column("what", no_wrap=True)
    table.add_column("why", overflow="fold")
    for reason, names in gathered.items():
        table.add_row("\n".join(names), reason)
    show(table)


def show_why(row: Variant) -> None:
    """One row explained."""
    from rich.text import Text

    facts = {
        "claims": f"BLAS {row.blas}, oneDNN {row.onednn}" + (f", kernel {row.core}" if row.core else ""),
        "base": row.base,
        "pip": ", ".join(row.pip),
        "apt": ", ".join((*row.blas_apt, *row.apt)),
        "source": f"{row.source.requirement} with {' '.join(row.source.setup_args)}" if row.source else "",
        "recipe": f"{row.recipe.name}, from {_say_origin(row.recipe)}" if row.recipe else "",
        "environment": " ".join(f"{key}={value}" for key, value in row.env.items()),
        "needs of the CPU": ", ".join(row.cpu_flags),
        "may be mapped beside it": ", ".join(row.beside),
        "made from source in the image": ", ".join(row.sdists),
        "borrowed sonames": ", ".join(f"{wanted} is {found}" for wanted, found in row.links.items()),
        "not verified": row.unverified,
    }
    show(Text(row.id, style="bold"), Text(row.why))
    for label, fact in facts.items():
        if fact:
            show(Text.assemble((f"{label}: ", "dim"), fact))


def _say_origin(recipe: Recipe) -> str:
    """The pin of an index, or the archives of its authors with the hash that a build insists on."""
    known = [f"{each.url} (sha256 {each.sha256[:12] or 'not known: a build refuses'})" for each in recipe.archives]
    return recipe.requirement or ", ".join(known)


def show_workloads(
    networks: Mapping[str, Network], suites: Mapping[str, Suite], scripts: Mapping[str, Script], *, as_json: bool
) -> None:
    """Networks, suites, and scripts of the user's own where there are any."""
    if as_json:
        write_json(
            {
                "networks": [
                    {**network.model_dump(mode="json", exclude={"nodes"}), "macs": _count(network)}
                    for network in networks.values()
                ],
                "suites": [suite.model_dump(mode="json") for suite in suites.values()],
                "scripts": [
                    {**script.model_dump(mode="json", exclude={"files"}), "files": list(script.files)}
                    for script in scripts.values()
                ],
            }
        )
        return
    from rich.table import Table

    table = Table(title="Networks", title_justify="left")
    for column in ("network", "input", "operators", "parameters", "GMAC", "title"):
        table.add_column(column, justify="right" if column in {"operators", "parameters", "GMAC"} else "left")
    for network in networks.values():
        shapes = ", ".join("x".join(map(str, shape)) for shape in network.inputs.values())
        count = _count(network)
        macs = "-" if count is None else f"{count / 1e9:.4g}"  # from a softmax of 8 thousand to VGG-16
        table.add_row(network.name, shapes, str(len(network.nodes)), f"{network.parameters:,}", macs, network.title)
    chosen = Table(title="Suites", title_justify="left")
    for column in ("suite", "workloads", "blocks", "warm-up", "at least"):
        chosen.add_column(column)
    for suite in suites.values():
        method = suite.method
        least = f"{method.min_count} samples and {method.min_time_s:g} s"
        chosen.add_row(suite.name, ", ".join(suite.workloads), str(method.blocks), str(method.warmup), least)
    show(table, chosen)
    if scripts:
        own = Table(title="Scripts of your own", title_justify="left")
        for column in ("workload", "command line", "arguments", "output", "title"):
            own.add_column(column)
        for script in scripts.values():
            told = ", ".join(f"{name} {value}" for name, value in script.arguments.items())
            proof = ", ".join(script.expected) or "not proved"
            own.add_row(f"{script.name}-script-b1", " ".join(script.argv), told, proof, script.title)
        show(own)


def _count(network: Network) -> int | None:
    """Multiply-accumulates of one sample; None for a network with an operator that nobody has counted yet."""
    try:
        return count_network(network).macs
    except SpecError:
        return None
