"""Were the trials that a store has of a plan measured on this machine?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.errors import StoreError
from orchestrator.store.files import list_files
from orchestrator.store.index import read_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.store.folder import Store


def refuse_other_host(store: Store, keys: Iterable[str], host: Mapping[str, str | None]) -> None:
    """Raises StoreError where another CPU measured some of them: the rest would not be comparable with those."""
    here = host.get("cpu_model")
    if here is None or not list_files(store).entries:
        return
    wanted = set(keys)
    columns = read_index(store).table.select(["key", "host_cpu"]).to_pydict()
    rows = zip(columns["key"], columns["host_cpu"], strict=True)
    others = Counter(cpu for key, cpu in rows if key in wanted and cpu not in {None, here})
    if others:
        cpu, count = others.most_common(1)[0]
        raise StoreError(
            f"{count} trials of this plan in the store {store.root} were measured on another machine ({cpu}); this is "
            f"{here}, and trials of two machines are never compared: name another store with --store, or add to this "
            "one with --allow-host-change"
        )
