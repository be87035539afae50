"""How is a store of thousands of records read in a moment? One Parquet file, rebuilt from what is missing in it.

The index is never believed about what there is: the folder is listed each time, rows of files that are gone or have
another size or time are dropped, and files without a row are read. Deleting it costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import stat
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.nouns.record import RECORD_SCHEMA
from orchestrator.store.encoding import BadRecordError
from orchestrator.store.facts import COLUMNS, record_facts
from orchestrator.store.files import list_files, read_entry
from orchestrator.store.reading import Problem, foreign_problems
from orchestrator.store.writers import temporary_name

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from orchestrator.store.facts import Value
    from orchestrator.store.folder import Store

# 1: first version. 2: what went on around a trial.
INDEX_SCHEMA = 2
_ARROW = {"string": "string", "Int64": "int64", "Float64": "float64", "boolean": "bool"}
_STAMP = ("size", "mtime_ns")


class Index(NamedTuple):
    """Every readable record as a row, and every file that gave none."""

    table: pa.Table
    problems: list[Problem]


def read_index(store: Store) -> Index:
    """The rows of every record in the store, ordered by run and sequence; brings the index up to date on the way.

    A store that cannot be written is read all the same; then nothing is kept for the next time.
    """
    import pyarrow as pa

    entries, strays = list_files(store)
    old = _load(store.index)
    now = {entry.name: (entry.size, entry.mtime_ns) for entry in entries}
    stamps = old.select(["file", *_STAMP]).to_pydict()
    then = dict(zip(stamps["file"], zip(stamps["size"], stamps["mtime_ns"], strict=True), strict=True))
    kept = [now.get(name) == then[name] for name in stamps["file"]]
    rows: list[dict[str, Value]] = []
    problems = foreign_problems(strays)
    for entry in entries:
        if then.get(entry.name) == (entry.size, entry.mtime_ns):
            continue
        try:
            facts = record_facts(read_entry(entry), file=entry.name)
            rows.append(facts | {"size": entry.size, "mtime_ns": entry.mtime_ns})
        except BadRecordError as error:
            problems.append(Problem(entry.path, error.kind, str(error)))
        except ArithmeticError as error:  # numbers that no honest writer leaves, as another's store may hold them
            problems.append(Problem(entry.path, "damaged", f"its numbers cannot be computed with: {error}"))
    if not rows and all(kept):
        return Index(old, problems)
    new = pa.Table.from_pylist(rows, schema=_schema())
    table = pa.concat_tables([old.filter(pa.array(kept, pa.bool_())), new])
    table = table.sort_by([("run", "ascending"), ("sequence", "ascending"), ("file", "ascending")])
    _save(store.index, table)
    return Index(table, problems)


@cache
def _schema() -> pa.Schema:
    import pyarrow as pa

    fields = []
    for name, dtype in COLUMNS.items():
        moment = dtype.startswith("datetime64")
        fields.append(pa.field(name, pa.timestamp("ns", "UTC") if moment else pa.type_for_alias(_ARROW[dtype])))
    fields += [pa.field(name, pa.int64()) for name in _STAMP]
    # The records' schema as well: an older version would believe rows of records that it cannot read.
    return pa.schema(fields, metadata={"bench_index": f"{INDEX_SCHEMA}.{RECORD_SCHEMA}"})


def _load(path: Path) -> pa.Table:
    """What the index holds; an empty table where it is missing, damaged, of another version or somebody else's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.suppress(OSError, pa.ArrowException):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as source:
            state = os.fstat(handle)
            # Only the records prove themselves: an index that somebody else wrote is as good as none.
            if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid():
                return _schema().empty_table()
            # ParquetFile, not read_table: this is one file, whatever the names of its folders look like.
            with pq.ParquetFile(source) as file:
                table = file.read()
        if table.schema.equals(_schema(), check_metadata=True):
            return table
    return _schema().empty_table()


def _save(path: Path, table: pa.Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    temporary = path.with_name(temporary_name(path.name))
    # It can be thrown away: on a full or read-only disk the answer is the same, only slower the next time.
    with contextlib.suppress(OSError, pa.ArrowException):
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                pq.write_table(table, file)
                file.flush()
                os.fsync(handle)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
