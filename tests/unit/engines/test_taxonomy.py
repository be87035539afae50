"""Is the first true cause the one that is reported?"""

from __future__ import annotations

import itertools

import pytest

from orchestrator.engines.taxonomy import decide_end, name_signal, split_status
from orchestrator.engines.watch import OutlivedError, Watched
from orchestrator.nouns.launch import End

ORDER = (End.ENGINE_LOST, End.STUCK, End.OOM, End.TIMEOUT, End.INTERRUPTED, End.SIGNAL, End.EXIT)


@pytest.mark.parametrize(
    "causes", [set(each) for n in range(len(ORDER) + 1) for each in itertools.combinations(ORDER, n)]
)
def test_of_several_true_causes_the_first_of_the_order_is_reported(causes: set[End]) -> None:
    failures = {End.ENGINE_LOST: ConnectionError("gone"), End.STUCK: OutlivedError("it outlived its KILL")}
    watched = Watched(
        status=0,
        wall_s=1.0,
        ended_at=1.0,
        timed_out=End.TIMEOUT in causes,
        interrupted=End.INTERRUPTED in causes,
        failure=next((error for end, error in failures.items() if end in causes), None),
    )
    ending = decide_end(
        watched,
        oom=End.OOM in causes,
        exit_code=1 if End.EXIT in causes else 0,
        signal_number=9 if End.SIGNAL in causes else None,
    )
    assert ending.end is next((end for end in ORDER if end in causes), End.OK)


@pytest.mark.parametrize(
    ("status", "signal"), [(0, None), (3, None), (128, None), (129, 1), (137, 9), (139, 11), (255, None)]
)
def test_a_status_above_128_is_a_signal_where_there_is_such_a_signal(status: int, signal: int | None) -> None:
    assert split_status(status) == (status, signal)


def test_a_bus_error_comes_with_what_to_try() -> None:
    assert name_signal(7) == "SIGBUS (a full /dev/shm gives this: raise shm_size)"
    assert name_signal(63) == "signal 63"


def test_a_signal_that_the_host_sent_comes_with_its_reason() -> None:
    watched = Watched(status=0, wall_s=1.0, ended_at=1.0, killed_for="it left nothing free")
    ending = decide_end(watched, oom=False, exit_code=137, signal_number=9)
    assert (ending.end, ending.detail) == (End.SIGNAL, "SIGKILL from the host: it left nothing free")
