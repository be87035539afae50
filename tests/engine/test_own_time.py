"""Does the orchestrator keep off the CPU while a trial is timed?"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.site import Site
from orchestrator.nouns.workload import Method, Workload
from orchestrator.planner.blocks import plan_trials
from orchestrator.planner.cells import make_plan
from orchestrator.runner.planted import chain
from orchestrator.runner.run import run_plan
from orchestrator.runner.setup import Prepared, make_setup, read_outputs
from orchestrator.runner.subject import Subject, choose_subject

if TYPE_CHECKING:
    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine

SHORT_S, LONG_S = 1.0, 6.0
SHARE = 0.01


def own_cpu_s(engine: DockerEngine, subject: Subject, seconds: float) -> float:
    """CPU time of all threads of this process over one trial whose samples take so long."""
    network = chain(10)
    method = Method(warmup=1, min_time_s=seconds, min_count=2, blocks=1, timeout_s=60.0, memory_bytes=2**30)
    plan = make_plan([subject.variant], [Workload(network=network.name)], method, threads=(1,))
    setup = make_setup(
        plan, engine="docker", images={subject.variant.id: subject.image}, networks={network.name: network}
    )
    expected = read_outputs(setup)
    records: list[Record] = []
    before = resource.getrusage(resource.RUSAGE_SELF)
    run_plan(
        setup,
        plan_trials(plan),
        engine=engine,
        engine_line="docker",
        prepared={subject.variant.id: Prepared(subject.reference)},
        expected=expected,
        publish=records.append,
    )
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert [record.status for record in records] == [Status.OK], records[0].reason
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.timeout(900)  # on a new machine it builds an image
def test_timing_takes_less_than_a_hundredth_of_a_core_from_it(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU time, not duration: what a trial costs before and after its timed region is in both, and cancels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    subject = choose_subject(engine, Site(), lambda _: None)
    own_cpu_s(engine, subject, SHORT_S)  # connections and imports
    short, long = (min(own_cpu_s(engine, subject, seconds) for _ in range(3)) for seconds in (SHORT_S, LONG_S))
    assert long - short <= SHARE * (LONG_S - SHORT_S), f"{long - short:.3f} s of CPU in {LONG_S - SHORT_S:g} s"
