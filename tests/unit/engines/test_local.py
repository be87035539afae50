"""Does the local engine pin, limit and end a process, and make an environment of nothing but its lock?"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines import disk
from orchestrator.engines.local import LocalEngine
from orchestrator.engines.local import venv as module
from orchestrator.engines.local.folder import remove_orphans
from orchestrator.engines.local.process import read_memory
from orchestrator.engines.local.venv import build_venv, venv_digest
from orchestrator.errors import BuildError
from orchestrator.host.owner import this_process
from orchestrator.nouns.image import Image
from orchestrator.nouns.launch import End, Launch
from orchestrator.nouns.site import Site
from orchestrator.nouns.variant import Device, Install
from tests.makers import variant

PYTHON = ".".join(platform.python_version_tuple()[:2])


@pytest.fixture
def engine(tmp_path: Path) -> LocalEngine:
    return LocalEngine(Site(), tmp_path / "cache")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """As good as a virtual environment for a launch: a folder whose bin holds this interpreter."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(sys.executable)
    return folder


def launch(environment: Path, code: str, **fields: Any) -> Launch:
    defaults: dict[str, Any] = {
        "name": "trial",
        "image": str(environment),
        "argv": ("python3", "-c", code),
        "env": {"ONLY": "1"},
        "files": {},
        "results": {"reply.json": 1000},
        "cpus": (max(os.sched_getaffinity(0)),),
        "memory_bytes": 2**30,
        "pids": 64,
        "timeout_s": 60.0,
    }
    return Launch(**(defaults | fields))


INSIDE = """
import json, os, resource
json.dump({
    "cpus": sorted(os.sched_getaffinity(0)), "env": sorted(os.environ),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "session": os.getsid(0) == os.getpid(), "stdin": os.readlink("/proc/self/fd/0"), "file": open("deep/a.txt").read(),
    "home": os.environ["HOME"], "tmp": os.environ["TMPDIR"], "cwd": os.getcwd(),
}, open("reply.json", "w"))
"""


def test_a_gpu_is_shown_by_its_uuid_whatever_the_host_shows_itself(
    engine: LocalEngine, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    code = "import os; open('reply.json', 'w').write(os.environ.get('CUDA_VISIBLE_DEVICES', 'none'))"
    assert engine.run(launch(environment, code, gpus=("GPU-5d3c",))).files["reply.json"] == b"GPU-5d3c"
    assert engine.run(launch(environment, code)).files["reply.json"] == b"none"


def test_the_process_finds_itself_pinned_and_sees_no_variable_of_the_host(
    engine: LocalEngine, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CANARY", "a secret of the host")
    wanted = launch(environment, INSIDE, files={"deep/a.txt": b"hello"}, env={"ONLY": "1", "HOME": "/nowhere"})
    outcome = engine.run(wanted)
    assert outcome.end is End.OK, outcome
    found = json.loads(outcome.files["reply.json"])
    assert found["cpus"] == list(wanted.cpus)
    assert set(found["env"]) <= {"ONLY", "PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "LC_CTYPE"}
    assert found["core"] == [0, 0]
    assert found["session"] is True
    assert found["stdin"].startswith("pipe:"), "nothing comes through it but the byte that a workload waits for"
    assert found["file"] == "hello"
    assert found["home"] == found["tmp"] != "/nowhere", "a folder of its own, which goes with it"
    assert not Path(found["cwd"]).exists(), "nothing is left behind"
    assert outcome.observed.container is False


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
GRANDCHILD = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
"""


@pytest.mark.parametrize(
    ("code", "fields", "end", "detail"),
    [
        pytest.param("open('reply.json', 'w').write('1')", {}, End.OK, "", id="left a reply"),
        pytest.param("import sys; sys.exit(3)", {}, End.EXIT, "exit code 3", id="left with 3"),
        pytest.param("import os; os.kill(os.getpid(), 11)", {}, End.SIGNAL, "SIGSEGV", id="segmentation fault"),
        pytest.param("import time; time.sleep(60)", {"timeout_s": 0.5}, End.TIMEOUT, "", id="sleeps past the limit"),
        pytest.param(DEAF, {"timeout_s": 0.5}, End.TIMEOUT, "", id="ignores TERM"),
        pytest.param(
            "x = b'1' * 2**28; import time; time.sleep(60)",
            {"memory_bytes": 2**27},
            End.OOM,
            "limit",
            id="too much memory",
        ),
        pytest.param(GRANDCHILD, {}, End.OK, "", id="leaves a child behind"),
        pytest.param("pass", {"argv": ("no-such-program",)}, End.EXIT, "127", id="cannot be executed"),
    ],
)
def test_how_a_process_ended_comes_back(  # noqa: PLR0917  (pytest passes by name)
    engine: LocalEngine, environment: Path, code: str, fields: dict[str, Any], end: End, detail: str
) -> None:
    begin = time.monotonic()
    outcome = engine.run(launch(environment, code, **fields))
    assert outcome.end is end, outcome
    assert detail in outcome.detail
    assert time.monotonic() - begin < 10


def test_a_file_is_executable_where_the_launch_says_so_and_nowhere_else(engine: LocalEngine, environment: Path) -> None:
    files = {"run": b"#!/bin/sh\nstat -c %a run plain > reply.json\n", "plain": b"#!/bin/sh\n"}
    outcome = engine.run(launch(environment, "", argv=("./run",), files=files, executables=frozenset({"run"})))
    assert (outcome.end, outcome.files["reply.json"]) == (End.OK, b"755\n644\n"), outcome
    assert engine.run(launch(environment, "", argv=("./plain",), files=files)).end is End.EXIT


def test_who_fills_the_disk_or_a_file_is_ended_with_the_reason(
    engine: LocalEngine, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = engine.run(launch(environment, "open('f', 'w').truncate(1001)", file_bytes=1000))
    assert outcome.end is End.EXIT and "File too large" in outcome.log_tail
    rooms = iter([disk.Room(2**40, 2**20)])
    monkeypatch.setattr(disk, "read_room", lambda _: next(rooms, disk.Room(0, 2**20)))
    outcome = engine.run(launch(environment, "import time; time.sleep(600)"))
    assert outcome.end is End.SIGNAL
    assert outcome.detail == "SIGKILL from the host: it left 0 MiB free on the disk of its working folder"


def test_nothing_of_the_group_outlives_the_run(engine: LocalEngine, environment: Path) -> None:
    code = GRANDCHILD + "import os; open('reply.json', 'w').write(str(os.getpid()))"
    outcome = engine.run(launch(environment, code))
    group = int(outcome.files["reply.json"])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("somebody of the group is alive")


def test_a_flood_of_output_ends_normally_and_keeps_little(engine: LocalEngine, environment: Path) -> None:
    code = "import os\nfor _ in range(1000): os.write(1, b'x' * 100000)\nos.write(2, b'the last line')"
    outcome = engine.run(launch(environment, code))
    assert outcome.end is End.OK
    assert len(outcome.log_tail) < 5000
    assert outcome.log_tail.startswith("[truncated]")
    assert outcome.log_tail.endswith("the last line")


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.symlink('/etc/passwd', 'reply.json')",
        "import os; os.mkfifo('reply.json')",
        "import os; os.mkdir('reply.json')",
        "import os; open('a', 'w'); os.link('a', 'reply.json')",
        "open('reply.json', 'w').truncate(2**32)",
    ],
    ids=["link", "pipe", "folder", "second name", "sparse gigabytes"],
)
def test_a_hostile_result_is_rejected(engine: LocalEngine, environment: Path, code: str) -> None:
    outcome = engine.run(launch(environment, code))
    assert outcome.end is End.OK
    assert outcome.files == {}
    assert len(outcome.rejected) == 1


def test_the_host_counts_cpu_time_and_memory(engine: LocalEngine, environment: Path) -> None:
    code = "import time\nx = b'1' * 2**27\nwhile time.process_time() < 1.0: pass"
    observed = engine.run(launch(environment, code)).observed
    assert observed.cpu_s is not None
    assert observed.peak_bytes is not None
    assert 1.0 <= observed.cpu_s <= observed.wall_s * 1.05
    assert 2**27 < observed.peak_bytes < 2**28


LEAVER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
open("reply.json", "w").write(str(child.pid))
"""


def test_who_left_the_group_of_a_trial_does_not_outlive_it(engine: LocalEngine, environment: Path) -> None:
    outcome = engine.run(launch(environment, LEAVER))
    pid = outcome.files["reply.json"].decode()
    state = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + 5
    while state.exists() and " Z " not in state.read_text():
        assert time.monotonic() < deadline, "it computes beside the next trial"
        time.sleep(0.02)


def test_an_interrupt_ends_the_run(engine: LocalEngine, environment: Path) -> None:
    threading.Timer(0.3, engine.interrupt).start()
    begin = time.monotonic()
    assert engine.run(launch(environment, "import time; time.sleep(60)")).end is End.INTERRUPTED
    assert time.monotonic() - begin < 5
    assert engine.run(launch(environment, "pass")).end is End.INTERRUPTED


def test_folders_of_dead_owners_are_removed_and_no_others(tmp_path: Path) -> None:
    owner = this_process()
    labels = {
        "alive": owner.label,
        "dead": owner._replace(started=owner.started - 1).label,
        "elsewhere": owner._replace(machine="other").label,
    }
    for name, label in labels.items():
        (tmp_path / f"bench-trial-{label.replace('/', '_')}_{name}").mkdir()
    (tmp_path / "bench-trial-notes").mkdir()
    removed = remove_orphans(tmp_path)
    assert [name.rpartition("_")[2] for name in removed] == ["dead"]
    assert len(list(tmp_path.iterdir())) == 3


def test_memory_counts_descendants() -> None:
    resident, peak = read_memory(os.getpid())
    assert peak is not None
    assert resident > 0
    assert read_memory(2**22 + 1) == (0, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"install": Install.DISTRO}, "virtual environments"),
        ({"install": Install.SOURCE}, "virtual environments"),
        ({"install": Install.PIP, "device": Device.CUDA, "python": PYTHON}, ""),
        ({"install": Install.PIP, "python": PYTHON, "program": "pytorch"}, "compiled in an image only"),
        ({"install": Install.PIP, "python": "3.99"}, "no Python 3.99 on this machine"),
        ({"install": Install.PIP, "python": PYTHON}, ""),
    ],
)
def test_a_row_it_cannot_run_is_refused_with_the_reason(
    engine: LocalEngine, fields: dict[str, Any], reason: str
) -> None:
    refusal = engine.refuse(variant(**fields))
    assert reason in refusal
    assert bool(refusal) is bool(reason)


def wheel(folder: Path) -> str:
    """A package of one module, `planted` 1.0; returns its sha256."""
    files = {
        "planted.py": "VALUE = 42\n",
        "planted-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
        "planted-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    path = folder / "planted-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text)}")
        archive.writestr("planted-1.0.dist-info/RECORD", "\n".join([*lines, "planted-1.0.dist-info/RECORD,,"]))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose only index is an empty folder, and whose wheels are in another; uv's cache is new."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    for name in ("wheels", "index"):
        (tmp_path / name).mkdir()
    return Site(wheel_folders=(tmp_path / "wheels",), index_url=(tmp_path / "index").as_uri())


def image(lock: str) -> Image:
    return Image(name="bench/x:1", dockerfile="", context={"requirements.txt": lock}, base="", digest="d")


def test_an_environment_is_made_of_its_lock_once(tmp_path: Path, offline: Site) -> None:
    digest = wheel(tmp_path / "wheels")
    engine = LocalEngine(offline, tmp_path / "cache")
    row = variant(install=Install.PIP, python=PYTHON)
    reference = engine.prepare(row, image(f"planted==1.0 --hash=sha256:{digest}\n"))
    outcome = engine.run(launch(Path(reference), "import planted; open('reply.json', 'w').write(str(planted.VALUE))"))
    assert outcome.files == {"reply.json": b"42"}, outcome
    made = Path(reference).stat().st_mtime_ns
    assert engine.prepare(row, image(f"planted==1.0 --hash=sha256:{digest}\n")) == reference
    assert Path(reference).stat().st_mtime_ns == made
    assert sorted(path.suffix for path in Path(reference).parent.iterdir()) == ["", ".lock"], "no half-made ones"


@pytest.mark.parametrize(
    "lock", ["planted==1.0 --hash=sha256:" + "0" * 64, "planted==1.0", "planted==2.0 --hash=sha256:" + "0" * 64]
)
def test_another_file_than_the_locks_is_never_installed(tmp_path: Path, offline: Site, lock: str) -> None:
    wheel(tmp_path / "wheels")
    with pytest.raises(BuildError, match="could not be made"):
        LocalEngine(offline, tmp_path / "cache").prepare(variant(install=Install.PIP, python=PYTHON), image(lock))
    left = [path for path in (tmp_path / "cache/venvs").iterdir() if path.suffix != ".lock"]
    assert left == [], "a failed one leaves nothing that could be taken for a made one"


def test_two_makers_at_once_make_one_environment(
    tmp_path: Path, offline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = module._make

    def count(name: str, *args: Any, **kwargs: Any) -> None:
        made.append(name)
        make(name, *args, **kwargs)

    monkeypatch.setattr(module, "_make", count)
    found: list[Path] = []
    lock = {"requirements.txt": ""}
    makers = [
        threading.Thread(
            target=lambda: found.append(build_venv("x", lock, PYTHON, site=offline, folder=tmp_path / "v"))
        )
        for _ in range(3)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(made) == 1
    assert len(set(found)) == 1
    assert (found[0] / "bin/python").exists()


def test_a_digest_changes_with_all_that_an_environment_is_made_of() -> None:
    base = venv_digest({"a": "1"}, "3.11", "/usr/bin/python3.11")
    others = [
        venv_digest({"a": "2"}, "3.11", "/usr/bin/python3.11"),
        venv_digest({"b": "1"}, "3.11", "/usr/bin/python3.11"),
        venv_digest({"a": "1"}, "3.12", "/usr/bin/python3.11"),
        venv_digest({"a": "1"}, "3.11", "/opt/python3.11"),
    ]
    assert len({base, *others}) == 5


def test_the_sites_indexes_reach_uv_where_nobody_who_lists_processes_sees_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = Site(
        wheel_folders=(Path("/w"),),
        index_url="https://user:secret@a.example",
        extra_index_urls=("https://b.example", "file:///c"),
    )
    seen: list[tuple[list[str], dict[str, str]]] = []

    def note(argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.append((argv, options["env"]))
        return subprocess.CompletedProcess(argv, 1, "", "no solution at https://user:secret@a.example")

    monkeypatch.setattr(module, "find_interpreter", lambda *_: module.Interpreter(sys.executable))
    monkeypatch.setattr(subprocess, "run", note)
    monkeypatch.setattr(module, "_check", lambda *_: None)
    module._make("row", {"requirements.txt": "a==1"}, sys.executable, site=site, work=tmp_path)
    argv, environment = seen[-1]
    assert "secret" not in " ".join(argv) and argv[argv.index("--find-links") + 1] == "/w"
    assert environment["UV_DEFAULT_INDEX"] == "https://user:secret@a.example"
    assert environment["UV_INDEX"] == "https://b.example file:///c"
    assert "UV_INDEX" not in Site().uv_environment(())


MEET = """
import os, time
def meet(word):
    open("/proc/self/comm", "w").write("bench:" + word)
    os.read(0, 1)
time.sleep(0.1)
meet("ready")
end = time.process_time() + 0.3
while time.process_time() < end: pass
meet("done")
open("reply.json", "w").write("{}")
"""


def test_the_host_counts_between_ready_and_done(engine: LocalEngine, environment: Path) -> None:
    outcome = engine.run(launch(environment, MEET))
    assert outcome.end is End.OK, outcome
    seen = outcome.observed.conditions
    assert seen is not None
    assert not seen.partial
    assert seen.own_s == pytest.approx(0.3, abs=0.05), "its start is not in it"
    assert seen.throttled_periods is None
    assert seen.unavailable["throttled_periods"]
    assert seen.canaries
    assert seen.canaries[0].after_s is not None


def test_a_process_that_says_nothing_is_not_waited_for(engine: LocalEngine, environment: Path) -> None:
    outcome = engine.run(launch(environment, "open('reply.json', 'w').write('{}')"))
    assert outcome.end is End.OK
    assert outcome.observed.conditions is not None
    assert outcome.observed.conditions.partial
