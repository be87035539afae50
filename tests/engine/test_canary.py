"""Does anything that only this place knows stay in an image, a container, a record, a log or an answer?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import paths
from orchestrator.builder.lock import lock_paths
from orchestrator.builder.sbom import CLOSED
from orchestrator.catalog.rows import read_variants
from orchestrator.engines.docker import DockerEngine
from orchestrator.host.site import read_config
from orchestrator.render.image import render_image
from orchestrator.render.locks import HEADER
from tests.canary import Canary, say_counts, search_answers, search_files
from tests.command import Bench
from tests.engine.test_build import MARK, VERSION, wheel

pytestmark = pytest.mark.engine

ROW = f"""[[variant]]
framework = "canary"
backend = "numpy_blas"
version = "{VERSION}"
install = "pip"
blas = "openblas"
python = "3.11"
base = "python:3.11-slim-bookworm"
pip = ["threadpoolctl=={VERSION}+site"]
"""
"""An image without numpy: its trials end in an error of the workload's own, and leave a record with a log."""


@pytest.fixture
def canary(engine: DockerEngine, tmp_path: Path) -> Canary:
    assert engine.check()
    return Canary()


@pytest.fixture
def bench(canary: Canary, tmp_path: Path) -> Bench:
    """A user whose environment, Docker configuration, index and certificate hold a secret each."""
    images = tmp_path / "images"
    shutil.copytree(paths.images_dir() / "templates", images / "templates")
    shutil.copytree(paths.images_dir() / "programs", images / "programs")
    (images / "variants").mkdir()
    (images / "variants" / "canary.toml").write_text(ROW)
    (row,) = read_variants(images / "variants").variants
    (lock,) = lock_paths(row, images / "locks")
    lock.parent.mkdir()
    digest = wheel(tmp_path / "wheels")
    lock.write_text(f"{HEADER}\nthreadpoolctl=={VERSION}+site --hash=sha256:{digest}\n")
    trusted = read_config().site.certificate or Path("/etc/ssl/certs/ca-certificates.crt")
    certificate = tmp_path / "ca.pem"
    certificate.write_text(f"{trusted.read_text()}\n# {canary('certificate')}\n")
    (tmp_path / "bench.toml").write_text(
        f"[build]\nindex_url = {json.dumps(canary.index_url())}\nwheels = ['wheels']\n"
        f"extra_index_urls = [{json.dumps(canary.index_url('127.0.0.2:9'))}]\ncertificate = 'ca.pem'\n"
    )
    docker = tmp_path / "docker"
    docker.mkdir()
    proxy = canary.proxies("docker")["http_proxy"]
    proxies = {"httpProxy": proxy, "httpsProxy": proxy, "noProxy": canary("docker no_proxy")}
    (docker / "config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
    made = Bench(tmp_path)
    made.env |= {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}
    made.env |= canary.proxies("host") | {"BENCH_SECRET": canary("variable"), "DOCKER_CONFIG": str(docker)}
    made.env |= {"BENCH_IMAGES": str(images), "PIP_INDEX_URL": canary.index_url(), "HF_TOKEN": canary("token")}
    return made


@pytest.fixture
def image(bench: Bench) -> Iterator[str]:
    folder = Path(bench.env["BENCH_IMAGES"])
    (row,) = read_variants(folder / "variants").variants
    name = render_image(row, folder).name
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], capture_output=True, check=False)


def test_nothing_of_this_place_is_left_by_a_build_and_a_run(
    bench: Bench, canary: Canary, image: str, engine: DockerEngine, tmp_path: Path
) -> None:
    said = bench("build", "--variants", f"canary-{VERSION}-pip-openblas-cpu")
    assert said.code == 0, said.err
    run = ("matrix", "--engine", "docker", "--suite", "demo", "--workloads", "gemm-infer-b1", "--blocks", "1")
    store = tmp_path / "store"
    process = bench.start(*run, "--store", store)
    containers = set()
    while process.poll() is None:
        for each in engine.client.containers(all=True, filters={"ancestor": image}):
            with_env = subprocess.run(["docker", "inspect", each["Id"]], capture_output=True, check=False).stdout
            containers.add(with_env)
    assert process.communicate()[1]
    assert len(list(store.glob("records/*/*.json"))) == 1 and len(list(store.glob("sboms/*.json"))) == 1
    looked: dict[str, bytes] = {f"container {number}": text for number, text in enumerate(containers)}
    for argv in (["history", "--no-trunc"], ["image", "inspect"], ["save"]):
        looked[" ".join(argv)] = subprocess.run(["docker", *argv, image], capture_output=True, check=False).stdout
    looked["build"] = said.out.encode() + said.err.encode()
    found = {name: hits for name, data in looked.items() if (hits := canary.count(data))}
    cache = Path(bench.env["XDG_CACHE_HOME"]) / "bench"
    files, leaks = search_files(canary, [store, cache])
    answers, told = search_answers(canary, bench, store, {})
    logs = list(cache.glob("builds/*.log"))
    searched = {"outputs of docker": len(looked), "files": files, "answers": answers}
    print(say_counts(canary, searched, leaks | told | found))  # noqa: T201  (shown by `pytest -s`)
    assert (found, leaks, told) == ({}, {}, {})
    assert containers and len(canary.words) >= 9 and len(logs) == 1 and logs[0].stat().st_mode & 0o777 == 0o600
    assert "<site>" in logs[0].read_text(), "pip said where it looked"
    assert MARK.encode() in looked["save"], "the search itself must be able to find something"


def test_docker_hands_its_proxies_to_containers_but_not_to_the_one_that_is_asked_for_packages(
    bench: Bench, canary: Canary, base_image: str
) -> None:
    ask = ["--entrypoint=env", base_image]
    env = bench.env
    open_one = subprocess.run(["docker", "run", "--rm", "--pull=never", *ask], env=env, capture_output=True, check=True)
    assert canary.count(open_one.stdout), "the search itself must be able to find something"
    closed = subprocess.run([*CLOSED, *ask], env=env, capture_output=True, check=True)
    assert closed.stdout and canary.count(closed.stdout) == {}
