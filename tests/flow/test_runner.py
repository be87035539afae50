"""Does a plan become records through a real engine object, also when things go wrong on the way?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.engines.fake import FakeEngine, answer, fail, make_reply
from orchestrator.engines.local.folder import remove_orphans
from orchestrator.errors import (
    BuildError,
    InterruptedRunError,
    NoEngineError,
    StuckError,
    TerminatedRunError,
    UsageError,
)
from orchestrator.host.topology import Core
from orchestrator.nouns.image import Image
from orchestrator.nouns.launch import End, Launch, Outcome
from orchestrator.nouns.plan import Plan
from orchestrator.nouns.record import RETRIED, Record, Status
from orchestrator.nouns.workload import Method, Network, Workload
from orchestrator.planner.blocks import plan_trials
from orchestrator.planner.cells import make_plan
from orchestrator.runner import run as module
from orchestrator.runner.code import Code
from orchestrator.runner.events import Began, Ended
from orchestrator.runner.run import run_plan
from orchestrator.runner.setup import Setup, cell_keys, make_setup, prepare_images
from tests.makers import expected, variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.nouns.variant import Variant

ROWS = tuple(variant(version=f"1.{index}") for index in range(3))
WORKLOADS = (Workload(network="gemm"), Workload(network="vgg16"))
EXPECTED = {work.id: {"y": expected()} for work in WORKLOADS}
ROOT = Path(__file__).resolve().parents[2]


def network(name: str) -> Network:
    return Network(
        name=name, title="", source="", inputs={"x": (1, 2)}, outputs=("y",), compared="y", parameters=4, nodes=()
    )


def image(row: Variant) -> Image:
    return Image(name=f"bench/{row.id}:1", dockerfile="", context={}, base="", digest=row.id)


def plan(blocks: int = 2, threads: tuple[int, ...] = (1,)) -> Plan:
    return make_plan(ROWS, WORKLOADS, Method(blocks=blocks, min_count=3), threads=threads)


def setup(made: Plan | None = None, engine: str = "fake", **fields: Any) -> Setup:
    return make_setup(
        made or plan(),
        engine=engine,
        images={row.id: image(row) for row in ROWS},
        networks={work.network: network(work.network) for work in WORKLOADS},
        code=Code({"workloads/__main__.py": b""}, "code"),
        host={"kernel": "6"},
        **fields,
    )


def run(engine: FakeEngine, **fields: Any) -> list[Record]:
    records: list[Record] = []
    made = fields.pop("setup", None) or setup()
    defaults: dict[str, Any] = {
        "engine": engine,
        "engine_line": "fake",
        "prepared": prepare_images(engine, ROWS, made.images, fields.pop("announce", lambda _: None)),
        "expected": EXPECTED,
        "publish": records.append,
    }
    trials = fields.pop("trials", None) or plan_trials(made.plan)
    run_plan(made, trials, **(defaults | fields))
    return records


def test_every_trial_of_the_plan_becomes_a_record_in_its_order() -> None:
    records = run(FakeEngine())
    trials = list(plan_trials(plan()))
    assert [(record.cell, record.block, record.position) for record in records] == [
        (trial.cell.id, trial.block, trial.position) for trial in trials
    ]
    assert {record.status for record in records} == {Status.OK}
    assert [record.provenance.sequence for record in records] == list(range(len(trials)))
    assert len({record.provenance.run for record in records}) == 1
    keys = {(record.cell, record.key) for record in records}
    assert len(keys) == len({key for _, key in keys}) == 6, "a cell has one key in all blocks"
    assert {record.key for record in records} == set(cell_keys(setup()).values())


def test_equal_runs_measure_equal_things() -> None:
    first, second = run(FakeEngine()), run(FakeEngine())
    assert [record.reported for record in first] == [record.reported for record in second]


def test_each_trial_is_a_launch_of_its_own() -> None:
    engine = FakeEngine()
    run(engine)
    assert len({launch.name for launch in engine.launches}) == 12
    assert len({launch.env["BENCH_PAD"] for launch in engine.launches}) > 6
    assert all(launch.labels["bench.run"] for launch in engine.launches)


def test_a_failing_workload_is_a_result_and_the_others_go_on() -> None:
    records = run(FakeEngine(failures={"*1.1-*": End.OOM, "vgg16*1.2-*": "wrong"}))
    by_status = {status: sum(record.status is status for record in records) for status in Status}
    assert by_status[Status.OOM] == 4
    assert by_status[Status.WRONG] == 2
    assert by_status[Status.OK] == 6
    assert {record.attempt for record in records} == {1}, "what a workload did is not tried again"


def test_a_variant_without_an_image_gives_records_that_say_why() -> None:
    class Half(FakeEngine):
        def prepare(self, variant: Variant, image: Image) -> str:
            if variant.id == ROWS[1].id:
                raise BuildError("https://user:pw@index has no such version", recorded="no such version")
            return super().prepare(variant, image)

    announced: list[str] = []
    records = run(Half(), announce=announced.append)
    without = [record for record in records if record.status is Status.NO_IMAGE]
    assert len(without) == 4
    assert {record.reason for record in without} == {"no such version"}, "records travel: nothing of a place is in one"
    assert announced == ["https://user:pw@index has no such version"]
    assert {record.variant.id for record in without} == {ROWS[1].id}


def test_an_image_that_vanishes_during_the_run_is_no_image() -> None:
    def vanish(launch: Launch, _row: Variant | None) -> Outcome:
        raise BuildError(f"{launch.image} is gone")

    assert {record.status for record in run(FakeEngine(vanish))} == {Status.NO_IMAGE}


def test_what_the_infrastructure_did_is_tried_once_more() -> None:
    seen: list[str] = []

    def flaky(launch: Launch, row: Variant | None) -> Outcome:
        seen.append(launch.name)
        return fail(launch, End.ENGINE_LOST) if len(seen) == 3 else answer(launch, make_reply(launch, row))

    records = run(FakeEngine(flaky))
    lost = [record for record in records if record.status is Status.ENGINE_LOST]
    assert len(records) == 13
    assert len(lost) == 1
    again = next(record for record in records if record.attempt == 2)
    assert (again.cell, again.block, again.status) == (lost[0].cell, lost[0].block, Status.OK)


def test_an_engine_that_stays_away_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(FakeEngine):
        def run(self, launch: Launch) -> Outcome:
            return fail(launch, End.ENGINE_LOST)

        def check(self) -> str:
            raise NoEngineError("nobody answers")

    monkeypatch.setattr(module, "ENGINE_PATIENCE_S", 0.0)
    monkeypatch.setattr(module, "ENGINE_POLL_S", 0.0)
    records: list[Record] = []
    with pytest.raises(NoEngineError, match="the same command resumes"):
        run(Gone(), publish=records.append)
    assert [record.status for record in records] == [Status.ENGINE_LOST]


def test_nothing_runs_beside_what_cannot_be_ended() -> None:
    engine = FakeEngine(failures={"*": End.STUCK})
    records: list[Record] = []
    with pytest.raises(StuckError, match=r"nothing more is measured beside it on CPU 255: .*resumes"):
        run(engine, publish=records.append)
    assert [record.status for record in records] == [Status.STUCK]
    assert len(engine.launches) == 1
    assert Status.STUCK in RETRIED


def test_a_resumed_run_executes_the_rest_under_the_same_keys() -> None:
    whole = run(FakeEngine())
    done = {(record.key, record.block) for record in whole[:5]}
    keys = cell_keys(setup())
    rest = [trial for trial in plan_trials(plan()) if (keys[trial.cell], trial.block) not in done]
    resumed = run(FakeEngine(), trials=rest)
    assert [record.reported for record in whole[:5] + resumed] == [record.reported for record in whole]


def test_attempts_count_on_from_those_of_earlier_runs() -> None:
    assert {record.attempt for record in run(FakeEngine(), next_attempt=lambda _key, _block: 4)} == {4}


def test_a_lying_reply_changes_nothing_that_the_host_says() -> None:
    def lie(launch: Launch, row: Variant | None) -> Outcome:
        reply = make_reply(launch, row, step_s=1e-9)
        return answer(launch, reply.model_copy(update={"outputs": {"y": (0.0, 0.0)}}))

    records = run(FakeEngine(lie))
    assert {record.status for record in records} == {Status.WRONG}


def test_events_frame_every_trial() -> None:
    events: list[Any] = []
    run(FakeEngine(), on_event=events.append)
    assert [type(event) for event in events] == [Began, Ended] * 12
    assert [event.number for event in events[::2]] == list(range(1, 13))


def test_more_threads_than_cpus_are_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match=r"4 threads.* 2 CPUs"):
        setup(plan(threads=(4,)), cores=(Core((0,), (0,), 0), Core((1,), (1,), 0)))


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, InterruptedRunError), (signal.SIGTERM, TerminatedRunError)]
)
def test_a_signal_ends_the_trial_and_the_run_with_a_record(number: int, error: type[Exception]) -> None:
    before = signal.getsignal(number)
    engine = FakeEngine()

    def script(launch: Launch, row: Variant | None) -> Outcome:
        if len(engine.launches) == 4:
            os.kill(os.getpid(), number)
            return fail(launch, End.INTERRUPTED)
        return answer(launch, make_reply(launch, row))

    engine._script = script
    records: list[Record] = []
    with pytest.raises(error):
        run(engine, publish=records.append)
    assert [record.status for record in records] == [Status.OK] * 3 + [Status.INTERRUPTED]
    assert Status.INTERRUPTED in RETRIED
    assert signal.getsignal(number) is before


def test_the_cores_of_a_trial_are_held_while_it_runs(tmp_path: Path) -> None:
    from orchestrator.host.locks import hold_cores

    cpu = max(os.sched_getaffinity(0))
    core = Core((cpu,), (cpu,), 0)
    free: list[bool] = []
    affinities: list[set[int]] = []

    def look(launch: Launch, row: Variant | None) -> Outcome:
        with hold_cores([core], folder=tmp_path / "bench", stop=iter([False, True]).__next__) as held:
            free.append(held)
        affinities.append(os.sched_getaffinity(0))
        return answer(launch, make_reply(launch, row))

    made = setup(plan(blocks=1), cores=(core,))._replace(lock_folder=tmp_path / "bench")
    before = os.sched_getaffinity(0)
    run(FakeEngine(look), setup=made)
    assert set(free) == {False}
    assert os.sched_getaffinity(0) == before
    if len(before) > 1:
        assert all(cpu not in affinity for affinity in affinities), "the orchestrator keeps off the measured core"


PROGRAM = """
import sys
from pathlib import Path
from orchestrator.engines.local import LocalEngine
from orchestrator.nouns.site import Site
from orchestrator.runner.code import Code
from orchestrator.runner.run import run_plan
from orchestrator.runner.setup import Prepared
from tests.flow.test_runner import EXPECTED, ROWS, plan, plan_trials, setup

venv, locks, code = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].encode()
made = setup(plan(), engine="local")._replace(lock_folder=locks, code=Code({"workloads/__main__.py": code}, "code"))
def publish(record):
    print(record.status, flush=True)
try:
    run_plan(made, plan_trials(made.plan), engine=LocalEngine(Site()), engine_line="local", expected=EXPECTED,
             prepared={row.id: Prepared(str(venv)) for row in ROWS}, publish=publish,
             on_event=lambda event: print(type(event).__name__, flush=True))
except Exception as error:
    print(type(error).__name__)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    (tmp_path / "venv/bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (tmp_path / "venv/bin" / name).symlink_to(sys.executable)
    return tmp_path / "venv"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_real_process_ends_it_within_the_grace(
    tmp_path: Path, venv: Path, number: int, code: int
) -> None:
    workload = "import time; time.sleep(60)"
    with start(venv, tmp_path / "locks", workload) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Began\n"
        time.sleep(0.7)
        begin = time.monotonic()
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(timeout=20) == code
    assert rest.splitlines()[0] == "interrupted"
    assert time.monotonic() - begin < 7


def test_a_second_interrupt_kills_without_grace(tmp_path: Path, venv: Path) -> None:
    workload = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    with start(venv, tmp_path / "locks", workload) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Began\n"
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert time.monotonic() - begin < 1.5, "the grace is two seconds"


def test_a_workload_of_the_local_engine_does_not_outlive_a_killed_orchestrator(tmp_path: Path, venv: Path) -> None:
    mark = tmp_path / "pid"
    workload = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with start(venv, tmp_path / "locks", workload) as process:
        wait_for(lambda: mark.exists() and mark.read_text() != "")
        process.kill()
    pid = int(mark.read_text())
    assert len(list(tmp_path.glob("bench-trial-*"))) == 1
    assert len(remove_orphans(tmp_path)) == 1, "and the next check of the engine removes its folder"
    wait_for(lambda: not lives(pid))


def test_what_a_workload_started_is_ended_by_the_next_start_after_a_kill(tmp_path: Path, venv: Path) -> None:
    mark = tmp_path / "pid"
    workload = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'while True: pass'], start_new_session=True); "
        f"open({str(mark)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    with start(venv, tmp_path / "locks", workload) as process:
        wait_for(lambda: mark.exists() and mark.read_text() != "")
        process.kill()
    pid = int(mark.read_text())
    assert lives(pid), "the kernel ends what the orchestrator started, and no more"
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    try:
        assert len(remove_orphans(tmp_path)) == 1
        wait_for(lambda: not lives(pid))
        assert bystander.poll() is None, "the folder's name is the beginning of nobody else's"
    finally:
        bystander.kill()
        bystander.wait()


def lives(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and " Z " not in path.read_text()


def start(venv: Path, locks: Path, workload: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(venv), str(locks), workload]
    # a killed one leaves its trial's folder behind: where pytest clears up
    environment = {**os.environ, "TMPDIR": str(venv.parent)}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")
