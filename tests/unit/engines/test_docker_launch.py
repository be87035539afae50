"""Is what goes to the engine's API hardened, whatever the launch asks for? And is what comes back believed?"""

from __future__ import annotations

import io
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.engines.docker import client, read
from orchestrator.engines.docker.engine import DockerEngine
from orchestrator.engines.docker.launch import deadline_s, make_container, make_tar
from orchestrator.errors import BuildError, NoEngineError
from orchestrator.host.owner import Life, check_life, read_owner, this_process
from orchestrator.nouns.launch import End, Launch


def launch(**fields: Any) -> Launch:
    defaults: dict[str, Any] = {
        "name": "trial",
        "image": "sha256:ab",
        "argv": ("python3", "-m", "workloads"),
        "env": {"B": "2", "A": "1 $(id)"},
        "files": {},
        "results": {},
        "cpus": (2, 3),
        "mems": (1,),
        "memory_bytes": 2**30,
        "pids": 100,
        "timeout_s": 10.0,
    }
    return Launch(**(defaults | fields))


def test_pinned_by_cpuset_and_never_by_a_quota() -> None:
    host = make_container(launch())["HostConfig"]
    assert (host["CpusetCpus"], host["CpusetMems"]) == ("2,3", "1")
    assert not {"NanoCpus", "CpuQuota", "CpuPeriod", "CpuShares"} & set(host)


def test_a_gpu_is_asked_for_by_its_uuid_and_where_none_is_given_none_is_asked_for() -> None:
    host = make_container(launch(gpus=("GPU-5d3c",)))["HostConfig"]
    assert host["DeviceRequests"] == [
        {"Driver": "nvidia", "DeviceIDs": ["GPU-5d3c"], "Capabilities": [["gpu", "compute", "utility"]]}
    ]
    assert "DeviceRequests" not in make_container(launch())["HostConfig"]


def test_an_engine_without_the_toolkit_for_gpus_is_told_from_one_that_went_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from docker.errors import APIError

    def fail(*_: Any) -> str:
        raise APIError("500", explanation='could not select device driver "nvidia" with capabilities: [[gpu]]')

    monkeypatch.setattr("orchestrator.engines.docker.engine.create_container", fail)
    nothing = SimpleNamespace(containers=lambda **_: [])
    monkeypatch.setattr("orchestrator.engines.docker.engine.open_client", lambda _: nothing)
    monkeypatch.setattr(DockerEngine, "close", lambda _: None)
    with pytest.raises(BuildError, match="NVIDIA Container Toolkit"):
        DockerEngine().run(launch(gpus=("GPU-5d3c",)))
    assert DockerEngine().run(launch()).end is End.ENGINE_LOST


def test_nothing_of_the_host_is_shared() -> None:
    host = make_container(launch())["HostConfig"]
    assert not {"Binds", "Mounts", "Devices", "Privileged", "PidMode", "VolumesFrom", "CapAdd"} & set(host)
    assert (host["NetworkMode"], host["IpcMode"]) == ("none", "private")
    assert host["MemorySwap"] == host["Memory"]


def test_the_image_runs_what_the_launch_says_and_ends_by_a_deadline() -> None:
    body = make_container(launch())
    assert body["Entrypoint"] == []
    assert body["Cmd"][:3] == ["timeout", "-k", "2"]
    assert float(body["Cmd"][3]) == deadline_s(launch()) > launch().timeout_s
    assert body["Cmd"][4:] == ["python3", "-m", "workloads"]
    assert body["Env"] == ["A=1 $(id)", "B=2"], "a list, and no shell that would read it"


def test_the_files_belong_to_the_unprivileged_user_and_are_the_same_bytes_every_time() -> None:
    data = make_tar({"b/c/d.py": b"1", "b/a.py": b"22", "job.json": b"{}"})
    assert data == make_tar({"job.json": b"{}", "b/a.py": b"22", "b/c/d.py": b"1"})
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        "work",
        "work/b",
        "work/b/a.py",
        "work/b/c",
        "work/b/c/d.py",
        "work/job.json",
    ]
    assert {member.uid for member in members} == {member.gid for member in members} == {65534}
    assert members[0].mode == 0o700


def test_a_file_is_executable_where_the_launch_says_so_and_nowhere_else() -> None:
    with tarfile.open(fileobj=io.BytesIO(make_tar({"a/run": b"", "b": b"", "job.json": b""}, {"a/run"}))) as tar:
        modes = {member.name: member.mode for member in tar.getmembers() if member.isfile()}
    assert modes == {"work/a/run": 0o755, "work/b": 0o644, "work/job.json": 0o644}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ""])
def test_a_file_stays_in_the_working_folder(name: str) -> None:
    with pytest.raises(ValueError, match="working folder"):
        make_tar({name: b""})


class Archive:
    """An engine that answers `get_archive` as it likes."""

    def __init__(self, stat: dict[str, Any], tar: bytes) -> None:
        self.stat, self.tar = stat, tar

    def get_archive(self, *_: Any, **__: Any) -> tuple[Any, dict[str, Any]]:
        return iter([self.tar[i : i + 512] for i in range(0, len(self.tar), 512)]), self.stat


def tar_of(*members: tuple[str, bytes, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, content in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(content), "elsewhere"
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


PLAIN = {"mode": 0o644, "size": 2}


@pytest.mark.parametrize(
    ("stat", "tar"),
    [
        pytest.param({"mode": 1 << 31 | 0o755, "size": 2}, b"", id="folder"),
        pytest.param({"mode": 1 << 27 | 0o777, "size": 2}, b"", id="link"),
        pytest.param({"mode": 1 << 25 | 0o644, "size": 0}, b"", id="pipe"),
        pytest.param({"mode": 1 << 24 | 0o644, "size": 0}, b"", id="socket"),
        pytest.param({"mode": 1 << 26 | 1 << 21 | 0o644, "size": 0}, b"", id="device"),
        pytest.param({"mode": 0o644, "size": 2**40}, b"", id="huge"),
        pytest.param({}, b"", id="no answer"),
        pytest.param(PLAIN, b"", id="no archive"),
        pytest.param(PLAIN, b"\xff" * 2048, id="not an archive"),
        pytest.param(PLAIN, tar_of(("x", tarfile.LNKTYPE, b"")), id="hard link"),
        pytest.param(PLAIN, tar_of(("x", tarfile.SYMTYPE, b"")), id="link in the archive"),
        pytest.param(PLAIN, tar_of(("x", tarfile.REGTYPE, b"ok"), ("y", tarfile.REGTYPE, b"2")), id="two files"),
        pytest.param(PLAIN, tar_of(("x", tarfile.REGTYPE, b"x" * 200)), id="larger than it said"),
        pytest.param(PLAIN, tar_of(("x", tarfile.REGTYPE, b"ok"))[:513], id="cut short"),
        pytest.param(PLAIN, tar_of(("x", tarfile.REGTYPE, b"x" * 10**6)), id="much larger than it said"),
    ],
)
def test_an_engines_answer_is_taken_only_for_one_plain_small_file(stat: dict[str, Any], tar: bytes) -> None:
    result = read.read_result(Archive(stat, tar), "id", "reply.json", 100)  # type: ignore[arg-type]
    assert result.rejected is not None, result
    assert result.content == b""


def test_a_plain_file_is_taken() -> None:
    result = read.read_result(Archive(PLAIN, tar_of(("x", tarfile.REGTYPE, b"ok"))), "id", "x", 2)  # type: ignore[arg-type]
    assert (result.content, result.rejected) == (b"ok", None)


def test_this_process_is_alive_and_one_that_had_its_number_before_is_dead() -> None:
    owner = this_process()
    assert read_owner(owner.label) == owner
    assert check_life(owner) is Life.ALIVE
    assert check_life(owner._replace(started=owner.started - 1)) is Life.DEAD
    assert check_life(owner._replace(pid=2**22 + 1)) is Life.DEAD
    assert check_life(owner._replace(boot="before the last reboot")) is Life.DEAD


@pytest.mark.parametrize("label", ["", "1", "a/b/c/d/e", "a/b/c/1/2/3"])
def test_a_label_that_nobody_wrote_condemns_no_container(label: str) -> None:
    assert check_life(read_owner(label)) is Life.UNKNOWN


def test_another_machines_process_cannot_be_judged_from_here() -> None:
    owner = this_process()
    assert check_life(owner._replace(machine="elsewhere")) is Life.UNKNOWN
    assert check_life(owner._replace(namespace="another")) is Life.UNKNOWN


def test_where_no_engine_answers_the_message_says_what_to_try() -> None:
    with pytest.raises(NoEngineError, match="--engine local"):
        DockerEngine("unix:///nowhere/docker.sock").check()


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:2375", "http://engine.example:2375", "tcp://[2001:db8::1]:2375"])
def test_plain_tcp_to_another_machine_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
    with pytest.raises(NoEngineError, match="plain TCP"):
        client.open_client(address)


@pytest.mark.parametrize(
    ("version", "warned"), [("20.10.24", True), ("23.0.0", False), ("26.1.5+dfsg1", False), ("29.0.0-rc.1", False)]
)
def test_an_engine_older_than_23_comes_with_a_warning(version: str, warned: bool) -> None:
    class Old:
        def version(self) -> dict[str, Any]:
            return {"Version": version, "Components": [{"Name": "Engine"}]}

        def info(self) -> dict[str, Any]:
            return {"Driver": "overlay2", "NCPU": 2}

    line = client.describe_engine(Old())  # type: ignore[arg-type]
    assert line.startswith(f"docker {version}, overlay2, 2 CPUs")
    assert ("warning" in line) is warned
    assert "\n" not in line
