"""`bench import`: how does somebody else's store become a part of one's own?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import StoreOption


def import_store(
    source: Annotated[
        Path, typer.Argument(help="A store: its folder, a tar (gzip, bzip2) or a zip.", metavar="ARCHIVE|DIR")
    ],
    *,
    store: StoreOption = None,
) -> None:
    """Take over records that were measured elsewhere.

    Each is checked as if it came out of a container, and flagged `foreign` wherever it is shown; no run takes it for
    done.
    """
    from orchestrator.errors import IntegrityError, StoreError
    from orchestrator.runner.folders import find_store
    from orchestrator.screen.answers import show_refused
    from orchestrator.screen.plain import say
    from orchestrator.store.importing import import_records
    from orchestrator.store.opening import open_store

    path = find_store(store)
    done = import_records(open_store(path, create=True), source)
    show_refused(done.refused)
    say(
        f"imported {done.published} records of {source} into {path}; {done.already} were there already, "
        f"{done.ignored} other files were ignored"
    )
    if done.refused:
        raise IntegrityError(f"{len(done.refused)} members of {source} were refused; the others were taken")
    if not done.published and not done.already:
        raise StoreError(f"{source} holds no records; they are files called records/<kk>/<key>.b<block>.<attempt>.json")
