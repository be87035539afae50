"""Is a process ended for what it leaves of the disk, and never for what others had taken before?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.engines import disk as module
from orchestrator.engines.disk import RESERVE_BYTES, RESERVE_FILES, Disk, Room, read_room

WIDE = Room(100 * RESERVE_BYTES, 100 * RESERVE_FILES)
TIGHT = Room(RESERVE_BYTES, RESERVE_FILES)


def seen(monkeypatch: pytest.MonkeyPatch, *rooms: Room | None) -> str:
    """What is said of the second look, after the first one at the start."""
    looks = iter(rooms)
    monkeypatch.setattr(module, "read_room", lambda _: next(looks))
    return Disk(Path("/somewhere")).find_problem()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (WIDE, WIDE, ""),
        (WIDE, TIGHT, ""),
        (WIDE, TIGHT._replace(bytes=RESERVE_BYTES - 1), "MiB free"),
        (WIDE, TIGHT._replace(files=RESERVE_FILES - 1), "room for"),
        (TIGHT, Room(RESERVE_BYTES // 2, RESERVE_FILES // 2), ""),
        (TIGHT, Room(RESERVE_BYTES // 2 - 1, RESERVE_FILES), "MiB free"),
        (Room(0, 0), Room(0, 0), ""),
        (WIDE._replace(files=0), WIDE._replace(files=0), ""),
        (WIDE, None, ""),
        (None, WIDE, ""),
        (None, Room(0, 0), ""),
    ],
)
def test_who_leaves_less_than_the_reserve_or_half_of_what_there_was_is_ended(
    monkeypatch: pytest.MonkeyPatch, before: Room | None, after: Room | None, words: str
) -> None:
    problem = seen(monkeypatch, before, after)
    assert words in problem
    assert bool(problem) is bool(words)


def test_a_folder_that_cannot_be_seen_has_no_disk(tmp_path: Path) -> None:
    assert read_room(tmp_path / "nowhere") is None
    assert read_room(None) is None
    found = read_room(tmp_path)
    assert found is not None and found.bytes > 0
    assert Disk(tmp_path).find_problem() == ""
