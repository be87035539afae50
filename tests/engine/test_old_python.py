"""Does the code inside the images run on Python 3.6 with the oldest numpy, and make the same bits there?"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from orchestrator.nouns.job import Bandwidth, Reply
from tests.data_files import cifar_files, tar_gz, texts, write_files, write_mnist, write_npz
from tests.engine.conftest import give_up
from tests.unit.workloads.networks import ROOT, SEED, tiny_network
from tests.unit.workloads.test_weights import GOLDEN
from workloads import expected as oracle
from workloads.data import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine

BASE = "python:3.6-slim-bookworm"
DOCKERFILE = """\
FROM {base}
RUN python -m venv /numpy-1.13 && /numpy-1.13/bin/pip install --no-cache-dir --only-binary :all: numpy==1.13.3
RUN python -m venv /numpy-1.19 && /numpy-1.19/bin/pip install --no-cache-dir --only-binary :all: numpy==1.19.5
"""
DIGEST = """\
import hashlib, json
from workloads import weights
network = json.load(open("/w/workloads/networks/mobilenet_v1.json"))
made = weights.make_weights(network, {seed})
whole = hashlib.sha256()
for node in sorted(made):
    for key in sorted(made[node]):
        whole.update(made[node][key])
whole.update(weights.make_inputs(network, 2, {seed})["image"])
print(whole.hexdigest())
"""


def docker(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image(engine: DockerEngine) -> Iterator[str]:  # its check comes first: without one this skips
    """A throw-away image with Python 3.6 and two old numpys."""
    try:
        docker("image", "inspect", BASE)
    except AssertionError:
        give_up(f"the image {BASE} is not on this engine")
    tag = f"bench-test-old-python:{uuid.uuid4().hex[:12]}"
    docker("buildx", "build", "--load", "--quiet", "--tag", tag, "-", stdin=DOCKERFILE.format(base=BASE))
    yield tag
    docker("image", "rm", "--force", tag)


def in_image(image: str, folder: Path, *arguments: str) -> str:
    mounts = [f"{ROOT / 'workloads'}:/w/workloads:ro", f"{folder}:/io"]
    options = [option for mount in mounts for option in ("--volume", mount)]
    threads = ["--env", "OMP_NUM_THREADS=1", "--env", "OPENBLAS_NUM_THREADS=1", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    return docker(
        "run", "--rm", "--init", "--network", "none", "--workdir", "/w", *options, *threads, image, *arguments
    )


@pytest.mark.parametrize("numpy", ["1.13", "1.19"])
def test_the_weights_are_the_same_bits(image: str, tmp_path: Path, numpy: str) -> None:
    assert in_image(image, tmp_path, f"/numpy-{numpy}/bin/python", "-c", DIGEST.format(seed=SEED)) == GOLDEN


@pytest.mark.parametrize("numpy", ["1.13", "1.19"])
@pytest.mark.parametrize("backend", ["numpy_blas", "reference"])
def test_the_harness_answers(image: str, tmp_path: Path, numpy: str, backend: str) -> None:
    network = tiny_network()
    job = {
        "backend": backend,
        "network": network,
        "batch": 2,
        "mode": "infer",
        "region": "compute",
        "execution": "default",
        "dtype": "float32",
        "seed": SEED,
        "threads": 1,
        "onednn": "absent",
        "device": "cpu",
        "warmup": 1,
        "min_time_s": 0.02,
        "min_count": 3,
        "max_time_s": 5.0,
        "expected": oracle.expected(network, 2, SEED),
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    python = f"/numpy-{numpy}/bin/python"
    in_image(image, tmp_path, python, "-m", "workloads", "/io/job.json", "/io/reply.json")
    reply = Reply.model_validate_json((tmp_path / "reply.json").read_text(), strict=True)
    assert (reply.status, reply.reason) == ("ok", "")
    assert reply.evidence is not None
    assert reply.evidence.python.startswith("3.6.")
    assert reply.evidence.numpy.startswith(numpy)
    (blas,) = [library for library in reply.evidence.libraries if library.kind == "blas"]
    assert (blas.name, blas.owner) == ("openblas", "numpy")
    assert blas.version is not None


DATA = """\
import hashlib
from workloads.data import cifar10, imdb, mnist, sequences
whole = hashlib.sha256()
for split in ("train", "test"):
    for loader in (mnist, cifar10):
        found = loader.load("{root}", split)
        whole.update(found.images)
        whole.update(found.labels)
    found = imdb.load("{root}", split)
    whole.update(sequences.fixed(found.tokens))
    for array in sequences.variable(found.tokens):
        whole.update(array)
    whole.update(found.labels)
print(whole.hexdigest())
"""


@pytest.mark.parametrize("numpy", ["1.13", "1.19"])
@pytest.mark.parametrize("form", ["python", "archives"])
def test_data_sets_are_read_as_the_same_bits(image: str, tmp_path: Path, numpy: str, form: str) -> None:
    write_mnist(tmp_path)
    files = {f"cifar-10-batches-py/{name}": data for name, data in cifar_files("cifar-10-batches-py").items()}
    if form == "python":
        write_npz(tmp_path / "imdb.npz")
        write_files(tmp_path, files)
    else:
        archives = {"cifar-10-python.tar.gz": tar_gz(files), "aclImdb_v1.tar.gz": tar_gz(texts())}
        write_files(tmp_path, archives)
    here = subprocess.run(
        [sys.executable, "-c", DATA.format(root=tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    python = f"/numpy-{numpy}/bin/python"
    assert in_image(image, tmp_path, python, "-c", DATA.format(root="/io")) == here.stdout.strip()
    found = json.loads(in_image(image, tmp_path, python, "-m", "workloads.data", "/io"))
    assert found == check.check(str(tmp_path))


@pytest.mark.parametrize("numpy", ["1.13", "1.19"])
def test_memory_is_copied_there_too(image: str, tmp_path: Path, numpy: str) -> None:
    program = "import json; from workloads import bandwidth; print(json.dumps(bandwidth.measure(2, 1 << 20)))"
    said = in_image(image, tmp_path, f"/numpy-{numpy}/bin/python", "-c", program)
    found = Bandwidth.model_validate_json(said)
    assert (found.array_bytes, found.threads) == (1 << 20, 2)
    assert min(found.samples_s) > 0
