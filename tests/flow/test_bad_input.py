"""Is every mistake of a user met with one clear message and an exit code of its own?"""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator import paths
from orchestrator.host.drivers import list_gpus
from tests.command import Bench
from tests.record_files import changed

if TYPE_CHECKING:
    from tests.command import Said

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
MATRIX = ("matrix", "--engine", "fake", "--suite", "quick", "--frameworks", "numpy")


def one_message(said: Said, code: int) -> str:
    """The message, after the checks that hold for every one."""
    assert said.code == code, said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if line.startswith("bench: ")]
    assert len(lines) == 1, said.err
    return said.err[said.err.index("bench: ") :].replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("matrix", "--engine", "fake", "--frameworks", "pytroch"), "did you mean 'pytorch'"),
        (("matrix", "--engine", "fake", "--blas", "openblass"), "did you mean 'openblas'"),
        (("matrix", "--engine", "fake", "--variants", "numpy-2.4.6-pip-openblas-gpu"), "numpy-2.4.6-pip-openblas-cpu"),
        (("matrix", "--engine", "fake", "--workloads", "vgg61-infer-b1"), "did you mean 'vgg16-infer-b1'"),
        (("matrix", "--engine", "fake", "--suite", "qiuck"), "did you mean 'quick'"),
        (("render", "numpy-2.4.6-pip-openblas"), "did you mean 'numpy-2.4.6-pip-openblas-cpu'"),
        (("variants", "--why", "nunpy"), "no variant is called 'nunpy'"),
        (("variants", "--frameworks", "tensorflw"), "did you mean 'tensorflow'"),
        (("variants", "--variants", "numpy"), "'*numpy*' in quotes"),
        (("matrix", "--engine", "fake", "--workloads", "infer"), "'*infer*' in quotes"),
        (("published", "--workload", "infer"), "'*infer*' in quotes"),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest_one(bench: Bench, arguments: tuple[str, ...], near: str) -> None:
    assert near in one_message(bench(*arguments), 3)


@pytest.mark.skipif(bool(list_gpus()[0]), reason="this host has a GPU")
def test_cuda_rows_on_a_host_without_a_gpu_name_the_row_what_was_expected_and_what_was_found(bench: Bench) -> None:
    arguments = ("--suite", "quick", "--device", "cuda", "--frameworks", "jax,onnxruntime", "--engine", "fake")
    message = one_message(bench("matrix", *arguments), 5)
    assert "jax-0.10.2-pip-cublas-cuda12-cuda" in message
    assert "onnxruntime-1.31.1-pip-cublas-cuda13-cuda" in message
    assert message.count("expected an NVIDIA GPU on this host, found none: ") == 1
    plan = bench("matrix", *arguments, "--dry-run", "--json").json()
    assert {"jax-0.10.2-pip-cublas-cuda12-cuda"} <= {each["name"] for each in plan["skipped"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*MATRIX, "--threads", "100000"), "give at most"),
        ((*MATRIX, "--threads", "two"), "expected numbers"),
        ((*MATRIX, "--threads", "0"), "expected numbers"),
        (("compare", "a"), "two variants"),
        (("compare",), "--by"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(bench: Bench, arguments: tuple[str, ...], words: str) -> None:
    assert words in one_message(bench(*arguments), 2)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A catalogue of one's own to spoil."""
    folder = tmp_path / "images"
    shutil.copytree(paths.images_dir(), folder)
    return folder


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('python = "3.11"', "python = 3.11", ("numpy.toml", "python", "in quotes")),
        ('blas = "openblas"', 'blass = "openblas"', ("numpy.toml", "unknown key 'blass'", "did you mean 'blas'")),
        ('install = "pip"', 'install = "pipp"', ("numpy.toml", "install", "'pip'")),
        ("[defaults]", "[defaults", ("numpy.toml", "TOML")),
        ('pip = ["numpy==2.4.6"', 'pip = ["numpy==2.4.6; RUN x"', ("numpy.toml", "pip")),
    ],
)
def test_a_malformed_row_names_file_key_and_expectation(
    bench: Bench, images: Path, before: str, after: str, words: tuple[str, ...]
) -> None:
    path = images / "variants" / "numpy.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    message = one_message(bench("variants", env={"BENCH_IMAGES": str(images)}), 4)
    assert all(word in message for word in words), message


def test_an_unknown_key_of_the_configuration_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text("[build]\njosb = 3\n")
    message = one_message(bench("build"), 4)
    assert "bench.toml" in message
    assert "jobs" in message


def test_a_row_whose_lock_is_missing_says_which_command_writes_it(bench: Bench, images: Path) -> None:
    shutil.rmtree(images / "locks")
    said = bench("render", "numpy-2.4.6-pip-openblas-cpu", env={"BENCH_IMAGES": str(images)})
    assert "bench lock" in one_message(said, 8)


def test_no_engine_and_nothing_for_the_local_one_says_why(bench: Bench) -> None:
    said = bench("matrix", "--install", "distro", "--suite", "quick", env=NOWHERE)
    assert "local engine" in said.err
    message = one_message(said, 5)
    assert "nothing of what was asked for" in message


def test_an_engine_that_was_named_is_never_replaced(bench: Bench) -> None:
    assert "docker" in one_message(bench("matrix", "--engine", "docker", "--suite", "quick", env=NOWHERE), 5).lower()
    assert one_message(bench("build", "--variants", "numpy-2.4.6-pip-*", env=NOWHERE), 5)


def test_a_store_that_is_a_file_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    assert "not a folder" in one_message(bench(*MATRIX, "--store", tmp_path / "s"), 7)
    assert (tmp_path / "s").read_text() == "mine"


def test_a_store_of_a_newer_version_is_refused_untouched(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert bench(*MATRIX, "--store", store, "--blocks", "1").code == 0
    marker = store / "bench-store.json"
    marker.write_text(json.dumps({"schema": 999}))
    before = sorted(path.name for path in store.rglob("*"))
    assert "newer" in one_message(bench(*MATRIX, "--store", store), 7)
    assert "newer" in one_message(bench("results", "--store", store), 7)
    assert sorted(path.name for path in store.rglob("*")) == before


def test_a_store_that_is_not_there_says_how_one_is_made(bench: Bench, tmp_path: Path) -> None:
    assert "bench matrix" in one_message(bench("results", "--store", tmp_path / "none"), 7)


def test_a_store_that_cannot_be_written_is_refused(bench: Bench) -> None:
    # /proc takes no folder from anybody, root included
    assert "/proc" in one_message(bench(*MATRIX, "--store", "/proc/bench-store"), 7)


def test_a_file_that_cannot_grow_ends_a_run_with_one_message_and_tears_nothing(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert bench(*MATRIX, "--store", store, "--blocks", "1").code == 0
    largest = max(path.stat().st_size for path in store.glob("records/*/*.json"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, hard))  # the command inherits it
    try:
        said = bench(*MATRIX, "--store", store, "--blocks", "2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in one_message(said, 7)
    assert "ulimit -f" in said.err
    said = bench("verify", "--store", store)
    assert (said.code, "not used" in said.err) == (0, False), said.err
    assert bench(*MATRIX, "--store", store, "--blocks", "2").code == 0


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, to be copied."""
    folder = tmp_path_factory.mktemp("measured")
    assert Bench(folder)(*MATRIX, "--store", "s", "--blocks", "5").code == 0
    return folder / "s"


@pytest.fixture
def spoiled(measured: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """A store with one file of every kind that gives no record, and their names; a sound copy lies beside."""
    store = tmp_path / "s"
    shutil.copytree(measured, store)
    shutil.copytree(measured, tmp_path / "sound")
    damaged, truncated, newer, copied = sorted(store.glob("records/*/*.b0.1.json"))[:4]
    damaged.write_bytes(damaged.read_bytes().replace(b'"position":', b'"Position":', 1))
    truncated.write_bytes(truncated.read_bytes()[:-50])
    newer.write_bytes(changed(newer.read_bytes(), record_schema=999))
    foreign = copied.with_name("notes (copy).json")
    twin = copied.with_name(copied.name.replace(".b0.1.", ".b0.2."))
    for path in (foreign, twin):
        path.write_bytes(copied.read_bytes())
    return store, [path.name for path in (damaged, truncated, newer, foreign, twin)]


REASONS = ("does not match its sha256", "it is truncated", "record_schema 999", "is ignored", "as a copy or renamed")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ((*MATRIX, "--blocks", "5", "--dry-run"), 0),
        ((*MATRIX, "--dry-run", "--precision", "1%"), 0),
        ((*MATRIX, "--blocks", "5"), 0),
        (("selftest", "--engine", "fake"), 0),
        (("results",), 0),
        (("compare", "--by", "blas"), 0),
        (("check", "--baseline", "sound"), 0),
        (("history",), 0),
        (("sweep",), 0),
        (("workloads",), 0),
        (("variants",), 0),
        (("published",), 0),
        (("published", "--as-published", "--engine", "fake"), 0),
        (("peak", "--engine", "fake", "--frameworks", "numpy", "--blocks", "1"), 0),
        (("verify",), 9),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_every_command_that_reads_a_store_names_what_it_could_not_use_and_uses_the_rest(
    bench: Bench, spoiled: tuple[Path, list[str]], command: tuple[str, ...], code: int
) -> None:
    store, names = spoiled
    said = bench(*command, "--store", store)
    assert said.code == code, said.err
    told = [line for line in said.err.splitlines() if line.startswith("not used: ")]
    assert len(told) == len(names)
    for name, reason in zip(names, REASONS, strict=True):
        assert sum(name in line and reason in line for line in told) == 1, name


def test_what_can_be_used_of_a_spoiled_store_is_used(bench: Bench, spoiled: tuple[Path, list[str]]) -> None:
    store, _ = spoiled
    sound = bench("results", "--store", store.with_name("sound"), "--format", "json").json()["results"]
    rest = bench("results", "--store", store, "--format", "json").json()["results"]
    assert [each["cell"] for each in rest] == [each["cell"] for each in sound]
    assert sum(each["blocks"] for each in rest) == sum(each["blocks"] for each in sound) - 3
    again = bench(*MATRIX, "--blocks", "5", "--store", store, "--json")
    assert again.json()["ran"] == 3
