"""Does a container get what a launch asks for, nothing more, and does its end come back as what it was?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.engines.docker import DockerEngine, reap
from orchestrator.engines.docker.launch import create_container, deadline_s
from orchestrator.errors import BuildError
from orchestrator.host.owner import this_process
from orchestrator.nouns.launch import End, Launch, Outcome
from tests.engine.conftest import RUN, give_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.conftest import MakeLaunch, give_up

pytestmark = pytest.mark.engine

INSIDE = """
import json, os, socket
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
found = {name: status[name].strip() for name in
         ("CapEff", "NoNewPrivs", "Seccomp", "Uid", "Cpus_allowed_list", "Mems_allowed_list")}
def attempt(action):
    try:
        action()
        return "worked"
    except OSError as error:
        return os.strerror(error.errno)
found["write /"] = attempt(lambda: open("/usr/x", "w"))
found["write /tmp"] = attempt(lambda: open("/tmp/x", "w"))
found["network"] = attempt(lambda: socket.create_connection(("192.0.2.1", 80), 2))
found["interfaces"] = [name for _, name in socket.if_nameindex()]
found["core"] = __import__("resource").getrlimit(4)
found["stdin"] = os.readlink("/proc/self/fd/0")
found["cwd"] = os.getcwd()
found["file"] = open("deep/er/a.txt").read()
found["env"] = sorted(os.environ)
found["processes"] = open("/proc/1/comm").read().strip()
json.dump(found, open("reply.json", "w"))
"""


def inspect(engine: DockerEngine, launch: Launch) -> dict[str, Any]:
    container = create_container(engine.client, launch)
    try:
        found: dict[str, Any] = engine.client.inspect_container(container)
        return found
    finally:
        engine.client.remove_container(container, v=True, force=True)


def test_a_container_is_pinned_limited_and_stripped_of_every_right(engine: DockerEngine, launch: MakeLaunch) -> None:
    found = inspect(engine, launch("pass", cpus=(0,), memory_bytes=2**28, shm_bytes=2**20))
    host = found["HostConfig"]
    assert (host["CpusetCpus"], host["CpusetMems"]) == ("0", "0")
    assert host["NanoCpus"] == host["CpuQuota"] == host["CpuPeriod"] == 0, "a quota stalls all threads at once"
    assert host["Memory"] == host["MemorySwap"] == 2**28
    assert host["ShmSize"] == 2**20
    assert host["PidsLimit"] == 64
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is host["Init"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] is None
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Privileged"] is False
    assert not host["Binds"], "files travel through the engine: it may be on another machine"
    assert not host["Devices"]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
    assert {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} == {
        "core": 0,
        "nofile": 4096,
        "fsize": 4 * 2**30,
    }
    assert found["Config"]["User"] == "65534:65534"
    assert found["Config"]["StdinOnce"] is True, "whoever holds it and goes away leaves the end of the file behind"


def test_labels_say_whose_it_is_and_a_launch_cannot_change_that(engine: DockerEngine, launch: MakeLaunch) -> None:
    labels = inspect(engine, launch("pass", labels={"bench.run": RUN, "bench.owner": "forged"}))["Config"]["Labels"]
    assert labels["bench"] == "1"
    assert labels["bench.run"] == RUN
    assert labels["bench.trial"] == "trial"
    assert labels["bench.owner"] == this_process().label


def test_the_process_finds_itself_pinned_unprivileged_and_alone(
    engine: DockerEngine, launch: MakeLaunch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CANARY", "a secret of the host")
    cpu = max(os.sched_getaffinity(0))
    outcome = engine.run(launch(INSIDE, files={"deep/er/a.txt": b"hello"}, env={"ONLY": "1"}))
    assert outcome.end is End.OK, outcome
    found = json.loads(outcome.files["reply.json"])
    assert int(found["CapEff"], 16) == 0
    assert found["NoNewPrivs"] == "1"
    assert found["Seccomp"] == "2"
    assert set(found["Uid"].split()) == {"65534"}
    assert found["Cpus_allowed_list"] == str(cpu)
    assert found["Mems_allowed_list"] == "0"
    assert found["write /"] == "Read-only file system"
    assert found["write /tmp"] == "worked"
    assert found["network"] == "Network is unreachable"
    assert found["interfaces"] == ["lo"]
    assert found["core"] == [0, 0]
    assert found["stdin"].startswith("pipe:"), "nothing comes through it but the byte that a workload waits for"
    assert found["cwd"] == "/bench/work"
    assert found["file"] == "hello"
    assert found["processes"] in {"docker-init", "tini", "catatonit", "podman-init"}
    assert "ONLY" in found["env"]
    assert "BENCH_CANARY" not in found["env"]


def test_a_container_that_is_opened_while_it_runs_is_seen_and_another_is_not(
    engine: DockerEngine, launch: MakeLaunch
) -> None:
    assert engine.run(launch("pass")).observed.weakened == ()
    wanted = launch("import time; time.sleep(3)", name="opened")
    other = threading.Thread(target=_open_when_running, args=(wanted.name,))
    other.start()
    outcome = engine.run(wanted)
    other.join()
    assert outcome.end is End.OK, outcome
    assert outcome.observed.weakened == (
        f"Memory is {2**29}, not {2**28}",
        f"MemorySwap is {2**30}, not {2**28}",
    )


def _open_when_running(name: str) -> None:
    other = DockerEngine()
    container = _wait_for(other, f"bench.trial={name}")
    other.client.update_container(container, mem_limit=2**29, memswap_limit=2**30)
    other.close()


SEGFAULT = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
OOM = "x = bytearray(2**30)\nfor i in range(0, 2**30, 4096): x[i] = 1"
CHILD_OOM = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', {OOM!r}]); open('reply.json', 'w').write('1')"
)
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
SHM = """
import mmap, os
file = os.open("/dev/shm/x", os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 2**24)
memory = mmap.mmap(file, 2**24)
memory[:] = b"x" * 2**24
"""


@pytest.mark.parametrize(
    ("code", "fields", "ends"),
    [
        pytest.param("open('reply.json', 'w').write('1')", {}, (End.OK, ""), id="left a reply"),
        pytest.param("pass", {}, (End.OK, ""), id="left none"),
        pytest.param("import sys; sys.exit(3)", {}, (End.EXIT, "exit code 3"), id="left with 3"),
        pytest.param("import os; os._exit(255)", {}, (End.EXIT, "exit code 255"), id="left with 255"),
        pytest.param(SEGFAULT, {}, (End.SIGNAL, "SIGSEGV"), id="segmentation fault"),
        pytest.param("import os; os.abort()", {}, (End.SIGNAL, "SIGABRT"), id="abort"),
        pytest.param(SHM, {"shm_bytes": 2**20}, (End.SIGNAL, "raise shm_size"), id="full /dev/shm"),
        pytest.param(OOM, {"memory_bytes": 64 * 2**20}, (End.OOM, "memory"), id="out of memory"),
        pytest.param(
            CHILD_OOM, {"memory_bytes": 64 * 2**20}, (End.OOM, "child"), id="child out of memory, exit code 0"
        ),
        pytest.param("import time; time.sleep(600)", {"timeout_s": 1.0}, (End.TIMEOUT, ""), id="sleeps past the limit"),
        pytest.param(DEAF, {"timeout_s": 1.0}, (End.TIMEOUT, ""), id="ignores TERM"),
    ],
)
def test_how_a_process_ended_comes_back(
    engine: DockerEngine, launch: MakeLaunch, code: str, fields: dict[str, object], ends: tuple[End, str]
) -> None:
    end, detail = ends
    begin = time.monotonic()
    outcome = engine.run(launch(code, **fields))
    assert outcome.end is end, outcome
    assert detail in outcome.detail
    if end is End.TIMEOUT:
        assert time.monotonic() - begin < 1.0 + 2.0 + 4.0


def test_a_kill_from_outside_is_a_signal_and_not_a_lack_of_memory(engine: DockerEngine, launch: MakeLaunch) -> None:
    wanted = launch("import time; time.sleep(600)", name="killed from outside")
    killer = threading.Thread(target=_kill_when_running, args=(wanted.name,))
    killer.start()
    outcome = engine.run(wanted)
    killer.join()
    assert (outcome.end, outcome.observed.signal) == (End.SIGNAL, 9)
    assert outcome.observed.oom_killed is False


def _kill_when_running(name: str) -> None:
    other = DockerEngine()
    container = _wait_for(other, f"bench.trial={name}")
    other.client.kill(container, "SIGKILL")
    other.close()


def _wait_for(engine: DockerEngine, label: str) -> str:
    for _ in range(200):
        found = engine.client.containers(filters={"label": [label, f"bench.run={RUN}"]})
        if found:
            return str(found[0]["Id"])
        time.sleep(0.05)
    raise AssertionError(f"no container with {label} came up")


HOSTILE = {
    "symbolic link": "import os; os.symlink('/etc/passwd', 'reply.json')",
    "dangling link": "import os; os.symlink('/nowhere', 'reply.json')",
    "named pipe": "import os; os.mkfifo('reply.json')",
    "socket": "import socket; socket.socket(socket.AF_UNIX).bind('reply.json')",
    "folder": "import os; os.mkdir('reply.json'); open('reply.json/x', 'w').write('x')",
    "sparse gigabytes": "f = open('reply.json', 'w'); f.truncate(2**32)",
    "one byte too large": "open('reply.json', 'w').write('x' * 1001)",
    "nothing": "pass",
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_plain_small_file_is_rejected_at_once(engine: DockerEngine, launch: MakeLaunch, code: str) -> None:
    begin = time.monotonic()
    outcome = engine.run(launch(code))
    assert outcome.end is End.OK, outcome
    assert outcome.files == {}
    assert [each.path for each in outcome.rejected] == ["reply.json"]
    assert time.monotonic() - begin < 5.0


def test_a_link_in_place_of_a_folder_gives_nothing_of_the_host(engine: DockerEngine, launch: MakeLaunch) -> None:
    code = "import os; os.symlink('/etc', 'out')"
    outcome = engine.run(launch(code, results={"out/hostname": 1000, "out/shadow": 1000}))
    host = Path("/etc/hostname").read_bytes() if Path("/etc/hostname").exists() else b"?"
    assert outcome.files.get("out/hostname", b"") != host
    assert "out/shadow" not in outcome.files or outcome.files["out/shadow"] != Path("/etc/shadow").read_bytes()


def test_a_file_of_exactly_the_limit_is_taken(engine: DockerEngine, launch: MakeLaunch) -> None:
    outcome = engine.run(launch("open('reply.json', 'w').write('x' * 1000)"))
    assert outcome.files == {"reply.json": b"x" * 1000}


def test_a_flood_of_output_ends_normally_and_keeps_little(engine: DockerEngine, launch: MakeLaunch) -> None:
    code = "import os\nfor _ in range(1600): os.write(1, b'x' * 65535 + b'\\n')\nos.write(1, b'the last line\\x1b[31m')"
    outcome = engine.run(launch(code))
    assert outcome.end is End.OK, outcome.detail
    assert len(outcome.log_tail) < 5000
    assert outcome.log_tail.startswith("[truncated]")
    assert "the last line" in outcome.log_tail
    assert "\x1b" not in outcome.log_tail


def test_the_host_sees_cpu_time_and_memory_of_a_run(engine: DockerEngine, launch: MakeLaunch) -> None:
    code = "import time\nx = bytearray(100 * 2**20)\nwhile time.process_time() < 1.5: pass"
    observed = engine.run(launch(code)).observed
    if observed.cpu_s is None:
        give_up(observed.unavailable["cpu_s"])
    assert 1.0 < observed.cpu_s <= observed.wall_s * 1.05, "last read at most 0.25 s before the end"
    assert observed.peak_bytes is not None
    assert 100 * 2**20 < observed.peak_bytes < 256 * 2**20
    assert observed.throttled_periods == 0
    assert observed.container is True
    assert observed.overhead_s < 5.0


def test_a_missing_image_is_an_error_and_not_a_pull(engine: DockerEngine, launch: MakeLaunch) -> None:
    with pytest.raises(BuildError, match="bench build"):
        engine.run(launch("pass", image="sha256:" + "0" * 64))


def test_a_container_that_cannot_start_is_the_engines_fault(engine: DockerEngine, launch: MakeLaunch) -> None:
    outcome = engine.run(launch("pass", cpus=(4000,)))
    assert outcome.end is End.ENGINE_LOST
    assert "CPU" in outcome.detail


def test_an_interrupt_ends_the_run_and_every_later_one(engine: DockerEngine, launch: MakeLaunch) -> None:
    own = DockerEngine()
    wanted = launch("import time; time.sleep(600)", name="interrupted")
    outcomes: list[Outcome] = []
    runner = threading.Thread(target=lambda: outcomes.append(own.run(wanted)))
    runner.start()
    _wait_for(engine, "bench.trial=interrupted")
    begin = time.monotonic()
    own.interrupt()
    runner.join(timeout=20)
    assert [outcome.end for outcome in outcomes] == [End.INTERRUPTED]
    assert time.monotonic() - begin < 7.0
    assert own.run(wanted).end is End.INTERRUPTED
    own.close()


ORCHESTRATOR = """
import sys
from orchestrator.engines.docker import DockerEngine
from orchestrator.nouns.launch import Launch
DockerEngine().run(Launch.model_validate_json(sys.stdin.read()))
"""


def test_a_killed_orchestrators_container_ends_itself_and_is_reaped_and_others_stay(
    engine: DockerEngine, launch: MakeLaunch
) -> None:
    wanted = launch("import time; time.sleep(600)", name="orphan", timeout_s=1.0)
    mine = create_container(engine.client, launch("pass", name="mine"))
    process = subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR], stdin=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]
    )
    try:
        assert process.stdin is not None
        process.stdin.write(wanted.model_dump_json().encode())
        process.stdin.close()
        orphan = _wait_for(engine, "bench.trial=orphan")
        assert "orphan" not in reap(engine.client).removed, "its owner lives"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert engine.client.wait(orphan, timeout=int(deadline_s(wanted)) + 6)["StatusCode"] != 0
        state = engine.client.inspect_container(orphan)["State"]
        begin, end = (datetime.fromisoformat(state[name][:19]) for name in ("StartedAt", "FinishedAt"))
        assert (end - begin).total_seconds() <= deadline_s(wanted) + 2.0
        assert reap(engine.client).removed == ("orphan",)
        assert engine.client.inspect_container(mine)["State"]["Status"] == "created"
    finally:
        process.kill()
        engine.client.remove_container(mine, v=True, force=True)


def test_what_a_killed_orchestrator_left_on_a_cpu_is_ended_before_the_next_trial_there(
    engine: DockerEngine, launch: MakeLaunch
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR], stdin=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]
    )
    assert process.stdin is not None
    process.stdin.write(launch("while True: pass", name="burns on").model_dump_json().encode())
    process.stdin.close()
    _wait_for(engine, "bench.trial=burns on")
    process.kill()
    process.wait()
    outcome = engine.run(launch("open('reply.json', 'w').write('{}')"))
    assert outcome.observed.conditions is not None
    assert outcome.observed.conditions.neighbours == ()
    assert not engine.client.containers(all=True, filters={"label": "bench.trial=burns on"})


def test_a_number_that_belongs_to_a_younger_process_is_a_dead_owner(engine: DockerEngine, launch: MakeLaunch) -> None:
    from orchestrator.engines.docker.launch import make_container

    body = make_container(launch("pass", name="pid reused"))
    owner = this_process()
    body["Labels"]["bench.owner"] = owner._replace(started=owner.started - 1).label
    engine.client.create_container_from_config(body)  # type: ignore[no-untyped-call]
    foreign = make_container(launch("pass", name="of another machine"))
    foreign["Labels"]["bench.owner"] = owner._replace(machine="elsewhere").label
    other = engine.client.create_container_from_config(foreign)["Id"]  # type: ignore[no-untyped-call]
    reaped = reap(engine.client)
    engine.client.remove_container(other, v=True)
    assert "pid reused" in reaped.removed
    assert "of another machine" not in reaped.removed
    assert reaped.unknown >= 1


@pytest.fixture
def proxy(engine: DockerEngine) -> Iterator[tuple[str, Any]]:
    """A way to the engine that can be cut: (address, function that cuts it)."""
    base = engine.client.base_url
    path = "/var/run/docker.sock"
    if not Path(path).exists():
        give_up(f"the engine at {base} has no socket here")
    server = socket.create_server(("127.0.0.1", 0))
    open_sockets: list[socket.socket] = [server]

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                here, _ = server.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(path)
                open_sockets.extend((here, there))
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    def cut() -> None:
        for each in open_sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    threading.Thread(target=accept, daemon=True).start()
    yield f"tcp://127.0.0.1:{server.getsockname()[1]}", cut
    cut()


def test_an_engine_that_vanishes_in_a_run_is_a_value(
    engine: DockerEngine, launch: MakeLaunch, proxy: tuple[str, Any]
) -> None:
    address, cut = proxy
    far = DockerEngine(address)
    outcomes: list[Outcome] = []
    wanted = launch("import time; time.sleep(600)", name="cut off")
    runner = threading.Thread(target=lambda: outcomes.append(far.run(wanted)))
    runner.start()
    container = _wait_for(engine, "bench.trial=cut off")
    cut()
    runner.join(timeout=20)
    engine.client.remove_container(container, v=True, force=True)
    assert [outcome.end for outcome in outcomes] == [End.ENGINE_LOST], outcomes


def test_nothing_is_left_behind(engine: DockerEngine, launch: MakeLaunch) -> None:
    def left() -> tuple[int, int]:
        containers = engine.client.containers(all=True, filters={"label": f"bench.run={RUN}"})
        return len(containers), len(engine.client.volumes()["Volumes"] or [])

    before = left()
    for code in ("pass", "import sys; sys.exit(1)", SEGFAULT):
        engine.run(launch(code))
    assert before[0] == 0
    # other people's volumes may come and go on a shared machine: ours must not add up
    assert left()[0] == 0
    assert left()[1] <= before[1] + 1
