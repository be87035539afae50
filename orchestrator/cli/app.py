"""What does `bench` understand, and with which code does it end?"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from orchestrator import __version__
from orchestrator.cli import (
    answers,
    catalogue,
    check,
    data,
    history,
    images,
    importing,
    measure,
    peak,
    published,
    report,
    selftest,
)
from orchestrator.errors import BenchError, InterruptedRunError, TerminatedRunError
from orchestrator.report.escape import clean_text

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="bench",
    help="Which build of which deep-learning framework is fastest for this model on this machine, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its panels import Markdown and Pygments: three times as long until help is there
)


def _print_version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"bench {__version__}")
        raise typer.Exit


@app.callback()
def bench(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=lambda v: _print_version(asked=v)),
    ] = False,
) -> None:
    """Which build of which deep-learning framework is fastest for this model on this machine, and how sure are we?"""


for _command in (
    measure.doctor,
    catalogue.variants,
    catalogue.workloads,
    catalogue.render,
    images.lock,
    images.build,
    images.gc,
    images.sbom,
    measure.matrix,
    peak.peak,
    answers.results,
    answers.sweep,
    answers.compare,
    report.report,
    published.published,
    check.check,
    history.history,
    answers.status,
    answers.verify,
    measure.reap,
    selftest.selftest,
):
    app.command()(_command)
app.command("import")(importing.import_store)
app.add_typer(data.app)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    error = InterruptedRunError if number == signal.SIGINT else TerminatedRunError
    raise error("stopped; what was finished is kept, and the same command goes on")


def _fail(message: str, code: int) -> NoReturn:
    said = "\n".join(map(clean_text, message.split("\n")))  # it may quote a name out of a damaged record
    typer.secho(f"bench: {said}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
    sys.exit(code)


def main() -> None:
    """Entry point of the `bench` script. The one place that turns an error into an exit code."""
    # A run installs handlers of its own. Outside of one, both signals unwind what was begun: builds end their children.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app()
    except BenchError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        # `bench results | head`: the reader has what it wanted; Python would complain once more while it shuts down
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), BenchError.exit_code)
