"""Does an import take what is sound, mark it, and nothing else, whatever the archive was made to do?"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.axes import compare_by
from orchestrator.analysis.summary import summarise_records
from orchestrator.analysis.trials import judge_trials
from orchestrator.errors import StoreError
from orchestrator.nouns.variant import Blas
from orchestrator.store import archives, importing
from orchestrator.store.encoding import RECORD_BYTES, encode_record
from orchestrator.store.files import record_name
from orchestrator.store.folder import Store
from orchestrator.store.foreign import read_origins
from orchestrator.store.importing import Import, import_records
from orchestrator.store.opening import hold_store, open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import read_records, read_trimmed, verify_store
from orchestrator.store.resume import next_attempt, read_progress
from tests.makers import record, timed, variant
from tests.record_files import body_of, framed

if TYPE_CHECKING:
    from orchestrator.nouns.record import Record

ONE = timed(variant(), 0, 0.1)
NAME = record_name(ONE.key, 0, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "own", create=True)


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, "/etc/passwd"
    return info, data


def record_member(each: Record, prefix: str = "theirs/") -> tuple[tarfile.TarInfo, bytes]:
    return member(f"{prefix}records/{record_name(each.key, each.block, each.attempt)}", encode_record(each))


def sent(folder: Path, data: bytes, name: str = "sent.tar") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def files(store: Store) -> set[str]:
    return {str(path.relative_to(store.records)) for path in store.records.rglob("*") if path.is_file()}


def test_every_form_of_a_store_gives_the_same_records_byte_for_byte(tmp_path: Path, store: Store) -> None:
    theirs = open_store(tmp_path / "theirs", create=True)
    records = [timed(variant(blas=blas), block, 0.1) for blas in (Blas.MKL, Blas.OPENBLAS) for block in range(3)]
    for each in records:
        publish_record(theirs, each)
    (theirs.root / "index" / "records.parquet").write_bytes(b"theirs")
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.add(theirs.root, arcname=".")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive_too:
        for path in sorted(theirs.root.rglob("*")):
            archive_too.write(path, f"deep/inside/{path.relative_to(theirs.root)}")
    sources = [
        theirs.root,
        sent(tmp_path, plain.getvalue(), "a.tar"),
        sent(tmp_path, gzip.compress(plain.getvalue()), "a.tar.gz"),
        sent(tmp_path, bz2.compress(plain.getvalue()), "a.tar.bz2"),
        sent(tmp_path, packed.getvalue(), "a.zip"),
    ]
    for number, source in enumerate(sources):
        own = open_store(tmp_path / f"own-{number}", create=True)
        done = import_records(own, source)
        assert (done.published, done.already, done.refused) == (6, 0, [])
        assert done.ignored == (0 if source.is_dir() else 2)  # the marker and the index; a folder is no file
        assert files(own) == files(theirs)
        for name in files(own):
            assert (own.records / name).read_bytes() == (theirs.records / name).read_bytes()
        assert not own.index.exists()
        assert set(read_origins(own).values()) == {source.name}
        again = import_records(own, source)
        assert (again.published, again.already, again.refused) == (0, 6, [])


def test_an_imported_record_is_flagged_everywhere_and_never_counts_as_done(tmp_path: Path, store: Store) -> None:
    publish_record(store, timed(variant(), 0, 0.1))
    theirs = [timed(variant(), 1, 0.1), timed(variant(blas=Blas.MKL), 0, 0.1)]
    failed = record(variant=variant(blas=Blas.ATLAS), status="timeout", reason="600 s")
    import_records(store, sent(tmp_path, tar_of([record_member(each) for each in (*theirs, failed)]), "mail.tar"))
    for read in (read_records, read_trimmed):
        records, problems = read(store)
        assert problems == []
        assert sorted(each.origin for each in records) == ["", "mail.tar", "mail.tar", "mail.tar"]
    flags = {summary.variant: summary.flags for summary in summarise_records(records)}
    assert all("foreign: imported from mail.tar, not measured for this store" in each for each in flags.values())
    (compared,) = [item for item in compare_by(records, "blas").items if item.candidate.variant.endswith("mkl-cpu")]
    assert "foreign" in compared.statement
    assert read_progress(store).done == {(theirs[0].key, 0)}
    assert next_attempt(store, theirs[1].key, 0) == 2
    found = verify_store(store)
    assert (found.records, found.imported, found.damaged) == (4, 3, ())


def test_an_own_attempt_stands_for_a_trial_and_not_an_imported_one_with_a_higher_number(
    tmp_path: Path, store: Store
) -> None:
    publish_record(store, timed(variant(), 0, 0.1))
    import_records(store, sent(tmp_path, tar_of([record_member(timed(variant(), 0, 0.001, attempt=9))])))
    (trial,) = judge_trials(read_records(store)[0])
    assert trial.record.attempt == 1
    assert "foreign" not in {flag.code for flag in trial.validity.flags}


def test_what_the_store_has_stays_and_the_other_record_of_that_name_is_refused(tmp_path: Path, store: Store) -> None:
    publish_record(store, ONE)
    before = (store.records / NAME).read_bytes()
    other = timed(variant(), 0, 0.05)
    done = import_records(store, sent(tmp_path, tar_of([record_member(other)])))
    assert done.published == 0
    assert [each.reason for each in done.refused] == ["the store has another record of this name, and keeps it"]
    assert (store.records / NAME).read_bytes() == before
    assert read_origins(store) == {}


BODY = body_of(encode_record(ONE))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (encode_record(ONE)[:-100], "not JSON"),
        (encode_record(ONE).replace(b"AMD EPYC", b"AMD EPYX"), "does not match its sha256"),
        (framed(BODY[:-1] + b',"key":"' + b"0" * 64 + b'"}'), "there twice"),
        (framed(BODY.replace(b'"block":0', b'"block":NaN')), "NaN is not JSON"),
        (framed(BODY.replace(b'"wall_s":', b'"wall_s":1e999,"x":', 1)), "not finite"),
        (framed(BODY[:-1] + b',"x":' + b"[" * 100 + b"]" * 100 + b"}"), "nested deeper than 32"),
        (framed(BODY.replace(b'"reason":""', b'"reason":"\\u001b]0;x\\u0007"')), "U+001B"),
        (framed(BODY.replace(b'"block":0', b'"block":1')), "another key, block or attempt"),
        (framed(BODY.replace(b'"record_schema":', b'"record_schema":9')), "written by a newer bench"),
        (b"x" * (RECORD_BYTES + 1), "more than a record can have"),
    ],
)
def test_a_member_that_is_no_sound_record_is_refused_alone(
    tmp_path: Path, store: Store, data: bytes, said: str
) -> None:
    sound = timed(variant(), 5, 0.1)
    done = import_records(store, sent(tmp_path, tar_of([member(f"records/{NAME}", data), record_member(sound)])))
    assert done.published == 1
    (refused,) = done.refused
    assert said in refused.reason, refused.reason
    assert files(store) == {record_name(sound.key, 5, 1)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"../records/{NAME}", tarfile.REGTYPE),
        (f"x/../../records/{NAME}", tarfile.REGTYPE),
        (f"/records/{NAME}", tarfile.REGTYPE),
        (f"C:/records/{NAME}", tarfile.REGTYPE),
        (f"..\\records\\{NAME}", tarfile.REGTYPE),
        (f"records/{NAME}", tarfile.SYMTYPE),
        (f"records/{NAME}", tarfile.LNKTYPE),
        (f"records/{NAME}", tarfile.CHRTYPE),
        (f"records/{NAME}", tarfile.FIFOTYPE),
        (f"records/{NAME}", tarfile.GNUTYPE_SPARSE),
        ("records", tarfile.SYMTYPE),
        ("../../etc/cron.d/x", tarfile.REGTYPE),
    ],
)
def test_a_path_that_leads_out_and_anything_but_a_file_is_refused(
    tmp_path: Path, store: Store, name: str, kind: bytes
) -> None:
    before = set(tmp_path.rglob("*"))
    path = sent(tmp_path, tar_of([member(name, b"" if kind != tarfile.REGTYPE else encode_record(ONE), kind)]))
    done = import_records(store, path)
    assert (done.published, len(done.refused)) == (0, 1), done
    assert ("link" in done.refused[0].reason) == (kind in (tarfile.SYMTYPE, tarfile.LNKTYPE))
    assert set(tmp_path.rglob("*")) - before <= {path, store.root / ".lock"}


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_zip_s_links_pipes_and_paths_out_are_refused_too(tmp_path: Path, store: Store, mode: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo(f"records/{NAME}")
        link.external_attr = (mode | 0o777) << 16
        archive.writestr(link, b"/etc/passwd")
        archive.writestr(f"../records/{NAME}", encode_record(ONE))
        archive.writestr("index/records.parquet", b"theirs")
    done = import_records(store, sent(tmp_path, out.getvalue(), "a.zip"))
    assert (done.published, done.ignored, len(done.refused)) == (0, 1, 2), done


def test_what_unpacks_to_more_than_anyone_sends_ends_the_reading(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "UNPACKED_BYTES", 6 * 2**20)
    sound = record_member(ONE)
    bomb = tar_of([sound, member("zeros", bytes(8 * 2**20)), record_member(timed(variant(), 1, 0.1))])
    done = import_records(store, sent(tmp_path, gzip.compress(bomb), "bomb.tar.gz"))
    assert done.published == 1
    assert "8388608 bytes" in done.refused[0].reason
    many = tar_of([member(f"zeros-{number}", bytes(2**20)) for number in range(8)])
    done = import_records(store, sent(tmp_path, gzip.compress(many), "many.tar.gz"))
    assert "unpacks to more than" in done.refused[0].reason
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for block in range(2):
            archive.writestr(f"records/{record_name(ONE.key, block, 1)}", bytes(RECORD_BYTES + 9))
    done = import_records(store, sent(tmp_path, packed.getvalue(), "bomb.zip"))
    assert "unpacks to more than 4194304 bytes" in done.refused[0].reason
    assert "unpacks to more than 6291456 bytes" in done.refused[1].reason
    assert done.published == 0


def test_a_header_without_an_end_and_a_size_beyond_all_bounds_end_the_reading(tmp_path: Path, store: Store) -> None:
    endless = tarfile.TarInfo("././@LongLink")
    endless.type, endless.size = tarfile.GNUTYPE_LONGNAME, 64 * 2**20
    done = import_records(store, sent(tmp_path, endless.tobuf() + bytes(65 * 2**20)))
    assert "without an end" in done.refused[0].reason
    huge = tarfile.TarInfo("zeros")
    huge.size = 2**50
    done = import_records(store, sent(tmp_path, huge.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    assert f"claims to have {2**50} bytes" in done.refused[0].reason


@pytest.mark.parametrize("length", [1, 100, 600, 5000, -600])
def test_an_archive_that_breaks_off_gives_what_came_before(tmp_path: Path, store: Store, length: int) -> None:
    whole = tar_of([record_member(ONE), record_member(timed(variant(), 1, 0.1))])
    for number, data in enumerate((whole, gzip.compress(whole))):
        done = import_records(store, sent(tmp_path, data[:length], f"torn-{number}"))
        assert isinstance(done, Import)
        assert done.refused or done.published
    assert verify_store(store).damaged == ()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04nothing", b"\x1f\x8bnothing", b"BZhnothing", b"# notes\n" * 99])
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, store: Store, data: bytes) -> None:
    done = import_records(store, sent(tmp_path, data, "notes.txt"))
    assert done.published == 0
    assert "notes.txt" in done.refused[0].path


def test_a_folder_that_is_no_store_and_a_missing_file_are_errors(tmp_path: Path, store: Store) -> None:
    with pytest.raises(StoreError, match="not a store"):
        import_records(store, tmp_path)
    with pytest.raises(StoreError, match="No such file"):
        import_records(store, tmp_path / "nothing.tar")
    os.mkfifo(tmp_path / "pipe")
    folder = open_store(tmp_path / "theirs", create=True)
    (folder.records / ONE.key[:2]).mkdir()
    (folder.records / NAME).symlink_to("/etc/passwd")
    done = import_records(store, folder.root)
    assert (done.published, len(done.refused)) == (0, 1)


def test_nothing_is_imported_into_a_store_that_a_run_holds(tmp_path: Path, store: Store) -> None:
    with hold_store(store), pytest.raises(StoreError, match="another run"):
        import_records(store, sent(tmp_path, tar_of([record_member(ONE)])))


def test_the_mark_is_there_before_the_record_and_a_damaged_one_is_no_licence(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        assert set(read_origins(store)) == {NAME}
        raise KeyboardInterrupt

    source = sent(tmp_path, tar_of([record_member(ONE)]))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(importing, "publish_bytes", crash)
        import_records(store, source)
    assert files(store) == set()
    # A run that comes in between takes another number, so that its record is not taken for the imported one.
    assert next_attempt(store, ONE.key, 0) == 2
    assert import_records(store, source).published == 1
    (mark, *_) = store.foreign.iterdir()
    mark.write_bytes(mark.read_bytes().replace(b"sent.tar", b"sent.zip"))
    for read in (read_records, read_progress):
        with pytest.raises(StoreError, match="is damaged"):
            read(store)


def test_an_index_of_somebody_else_is_as_good_as_none(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_record(store, ONE)
    assert read_progress(store).done == {(ONE.key, 0)}
    assert store.index.is_file()
    away = tmp_path / "index.parquet"
    store.index.rename(away)
    store.index.symlink_to(away)
    assert read_progress(store).done == {(ONE.key, 0)}  # read from the record, and a new index is in the link's place
    assert not store.index.is_symlink()
    # The index claims what no record says, as its stamps are right: it is believed only where its owner is this user.
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    before = store.index.stat().st_mtime_ns
    assert read_progress(store).done == {(ONE.key, 0)}
    assert store.index.stat().st_mtime_ns > before  # made anew


def test_the_list_of_what_is_foreign_says_what_it_should(tmp_path: Path, store: Store) -> None:
    import_records(store, sent(tmp_path, tar_of([record_member(ONE)])))
    (path,) = store.foreign.iterdir()
    assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()
    assert json.loads(path.read_bytes()) == {"schema": 1, "origin": "sent.tar", "records": [NAME]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
