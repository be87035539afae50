"""Is a setting that would open a container refused with a sentence of its own, wherever it is written?"""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.catalog.forbidden import FORBIDDEN, find_forbidden
from orchestrator.catalog.rows import read_variants
from orchestrator.catalog.work import read_suites
from orchestrator.errors import SpecError
from orchestrator.host.site import read_config
from orchestrator.nouns.launch import Launch
from orchestrator.nouns.limits import Limits
from orchestrator.nouns.site import Site
from orchestrator.nouns.variant import Archive, Recipe, Source, Variant
from orchestrator.nouns.workload import Method, Suite
from tests.unit.catalog.test_rows import ROW
from tests.unit.engines.test_docker_launch import launch

SETTINGS = {
    "privileged": "true",
    "network": '"host"',
    "network_mode": '"host"',
    "pid": '"host"',
    "ipc": '"host"',
    "uts": '"host"',
    "userns_mode": '"host"',
    "devices": '["/dev/mem"]',
    "device_cgroup_rules": '["c *:* rwm"]',
    "cap_add": '["ALL"]',
    "cap-add": '["SYS_ADMIN"]',
    "seccomp": '"unconfined"',
    "security_opt": '["seccomp=unconfined"]',
    "apparmor": '"unconfined"',
    "binds": '["/:/host"]',
    "volumes": '["/var/run/docker.sock:/var/run/docker.sock"]',
    "mounts": "[]",
    '"/var/run/docker.sock"': "true",
    "docker_host": '"tcp://192.0.2.1:2375"',
    "gpus": '"all"',
    "runtime": '"runc-old"',
    "user": '"0:0"',
    "unsafe_run": '["id"]',
    "Privileged": "true",
    "--privileged": "true",
}


@pytest.mark.parametrize(("key", "value"), SETTINGS.items())
@pytest.mark.parametrize("table", ["", "[build]\n", "[limits]\n", "[other]\n", "[build.inner]\n"])
def test_in_bench_toml(tmp_path: Path, table: str, key: str, value: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"{table}{key} = {value}\n")
    with pytest.raises(SpecError, match=r"bench.toml: key \S+ is refused: .*(container|engine|command|GPU)"):
        read_config(path, pip={})


@pytest.mark.parametrize(("key", "value"), SETTINGS.items())
@pytest.mark.parametrize("table", ["[defaults]\n", "[[variant]]\n", "[[absent]]\n", "[variant.recipe]\n", ""])
def test_in_a_row(tmp_path: Path, table: str, key: str, value: str) -> None:
    row = "".join(f"{name} = {text}\n" for name, text in ROW.items())
    (tmp_path / "numpy.toml").write_text(f"{table}{key} = {value}\n[[variant]]\n{row}")
    if table == "[variant.recipe]\n":
        (tmp_path / "numpy.toml").write_text(f"[[variant]]\n{row}{table}{key} = {value}\n")
    with pytest.raises(SpecError, match=r"numpy.toml: key \S+ is refused"):
        read_variants(tmp_path)


@pytest.mark.parametrize(("key", "value"), SETTINGS.items())
@pytest.mark.parametrize("table", ["[method]\n", ""])
def test_in_a_suite(tmp_path: Path, table: str, key: str, value: str) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "networks").mkdir()
    (tmp_path / "suites" / "own.toml").write_text(f'{table}{key} = {value}\ntitle = "x"\nworkloads = []\n')
    with pytest.raises(SpecError, match=r"own.toml: key \S+ is refused"):
        read_suites(tmp_path)


@pytest.mark.parametrize("text", ['wheels = ["/run/docker.sock"]', 'certificate = "/var/run/podman.sock"'])
def test_an_engines_socket_is_no_folder_and_no_certificate(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"[build]\n{text}\n")
    with pytest.raises(SpecError, match="is refused: whoever speaks to the engine is root"):
        read_config(path, pip={})


def test_no_setting_that_there_is_has_such_a_name_and_a_variable_may() -> None:
    for noun in (Site, Limits, Variant, Source, Recipe, Archive, Suite, Method):
        assert not set(noun.model_fields) & set(FORBIDDEN), noun
    assert not list(find_forbidden({"env": {"USER": "x", "RUN": "1"}, "links": {"pid": "x"}}))


GPUS = ["all", "0", "none", "GPU-????????-????", "GPU-1,GPU-2", "GPU-", "gpu-1", "GPU-1\n", "-1"]


@pytest.mark.parametrize(
    "gpu", ["all", "0", "none", "GPU-????????-????", "GPU-1,GPU-2", "GPU-", "gpu-1", "GPU-1\n", "-1"]
)
def test_a_gpu_is_named_by_its_uuid_alone(gpu: str) -> None:
    with pytest.raises(ValidationError):
        launch(gpus=(gpu,))


def test_whole_gpus_and_parts_of_one_have_uuids() -> None:
    uuid = "5d3c0a5e-1f2d-4c6b-9e8a-0123456789ab"
    made: Launch = launch(gpus=(f"GPU-{uuid}", f"MIG-{uuid}"))
    assert made.gpus == (f"GPU-{uuid}", f"MIG-{uuid}")
