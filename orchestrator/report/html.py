"""How does a store become one page that can be sent to anyone? One file, inert: no script, no fetch, no link out.

Every text may have been chosen by a container or by a file from elsewhere. Each is cleaned of control characters and
escaped on its way into the template, whatever the template does with it; what a browser may load at all is nothing.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.analysis.wording import SCOPE, say_number
from orchestrator.report import html_comparisons, html_results, html_store
from orchestrator.report.escape import xml_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jinja2 import Environment

    from orchestrator.analysis.overview import Overview
    from orchestrator.nouns.variant import Variant
    from orchestrator.store.reading import Problem

TEMPLATES = Path(__file__).with_name("templates")
TITLE = "Benchmark report"


def render_page(
    overview: Overview,
    problems: Sequence[Problem] = (),
    *,
    root: Path,
    rows: Iterable[Variant] = (),
    title: str = "",
) -> str:
    """The page of a store at `root`; the same store always gives the same text. `rows` are those of the catalogue."""
    from markupsafe import Markup

    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    tables = html_results.make_result_tables(overview)
    settings = html_store.make_settings(overview)
    return (
        _make_environment()
        .get_template("page.html.j2")
        .render(
            title=title or TITLE,
            # our own file, and the hash is of exactly this text
            style=Markup(style),  # noqa: S704  # nosec B704
            style_hash=digest,
            lede=_summarise(overview),
            scope=SCOPE,
            origins=[(origin, say_number(count, "trial")) for origin, count in overview.origins],
            tables=tables,
            families=html_comparisons.make_families(overview),
            failures=html_results.find_failures(overview),
            machines=html_store.find_machines(settings),
            settings=settings,
            builds=html_store.make_builds(overview),
            unverified=html_store.find_unverified(rows, overview),
            problems=html_store.make_problems(problems, root),
            count_words=html_store.count_words,
            tool=f"bench {__version__}",
            writers=overview.tools,
        )
    )


def _summarise(overview: Overview) -> str:
    """`84 builds of 24 frameworks on 2 workloads: 1,163 of 1,174 trials valid, 2026-01-01 to 2026-01-03`."""
    if not overview.trials:
        return "This store holds no records yet."
    frameworks = {build.variant.framework for build in overview.builds}
    workloads = {summary.workload for summary, _ in overview.results}
    days = list(dict.fromkeys(moment.partition("T")[0] for moment in overview.started))
    valid = f"{overview.valid:,} of {overview.trials:,} trials valid"
    return (
        f"{say_number(len(overview.builds), 'build')} of {say_number(len(frameworks), 'framework')} on "
        f"{say_number(len(workloads), 'workload')}: {valid}, {' to '.join(days)}"
    )


@lru_cache
def _make_environment() -> Environment:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["known"] = lambda text: "" if text == "-" else text
    return made


def _clean(value: Any) -> Any:
    """What stands in a place of the template: a text without control characters, a number, or what is escaped already.

    Nothing else is a text for people: a None or a list that got this far is a mistake.
    """
    from jinja2 import Undefined
    from markupsafe import Markup

    if isinstance(value, Markup | Undefined | int | float):
        return value
    if isinstance(value, str):
        return xml_text(value)
    raise TypeError(f"{value!r} is not to be shown")
