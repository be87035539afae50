"""Does `bench data check` tell what is in a folder, in every format, and end as it should?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import DatasetError, SpecError, UsageError
from orchestrator.nouns.dataset import DataStatus
from orchestrator.report.datasets import MEANINGS
from tests.data_files import cifar_files, tar_gz, texts, write_files, write_mnist, write_npz

if TYPE_CHECKING:
    from tests.command import Bench

BINARY = "cifar-10-batches-bin"


def test_a_folder_of_small_files_is_altered(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_mnist(root)
    write_npz(root / "imdb.npz")
    write_files(root, texts())
    said = bench("data", "check", root)
    assert said.code == DatasetError.exit_code
    assert "MNIST, idx: altered" in said.out
    assert "7 of 60,000 images" in said.out
    assert "IMDB, texts, in aclImdb: altered" in said.out
    assert "train/neg/" in said.out
    assert "cifar-10-python.tar.gz" in said.out[said.out.index("Not there") :]
    assert "altered: it can be read" in said.out
    assert "Traceback" not in said.err
    assert "9 altered; the worst: train-images-idx3-ubyte.gz, altered: 7 of 60,000 images" in said.err


def test_json_and_markdown_hold_the_same(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_mnist(root, compressed=False)
    (root / "t10k-images-idx3-ubyte").unlink()
    said = bench("data", "check", root, "--format", "json")
    assert said.code == DatasetError.exit_code
    forms = said.json()["forms"]
    assert len(forms) == 8
    assert [form["status"] for form in forms] == ["missing", *[None] * 7]
    files = {file["path"]: file for file in forms[0]["files"]}
    assert files["train-images-idx3-ubyte"]["bytes"] == 16 + 7 * 28 * 28
    assert files["train-images-idx3-ubyte"]["published"] == "md5:6bbc9ace898e44ae57da46a324031adb"
    assert files["t10k-images-idx3-ubyte"]["bytes"] is None
    written = bench("data", "check", root, "--format", "markdown", "-o", tmp_path / "said.md")
    assert written.out == ""
    text = (tmp_path / "said.md").read_text()
    assert "| t10k-images-idx3-ubyte | missing | - | - |  |" in text


def test_a_hostile_file_is_refused_and_the_others_are_told(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "data"
    mark = tmp_path / "mark"
    write_mnist(root)
    attack = f"cos\nsystem\n(S'touch {mark}'\ntR.".encode()
    files = {f"cifar-10-batches-py/{name}": data for name, data in cifar_files("cifar-10-batches-py").items()}
    write_files(root, files | {"cifar-10-batches-py/data_batch_4": attack})
    write_files(root, {"aclImdb_v1.tar.gz": tar_gz({"../../mark": b"x"})})
    said = bench("data", "check", root)
    assert said.code == DatasetError.exit_code
    assert "os.system" in said.out
    assert "leaves the folder" in said.out
    assert "7 of 60,000 images" in said.out
    assert "the worst: cifar-10-batches-py/data_batch_4, refused" in said.err
    assert not mark.exists()


def test_a_name_with_escapes_steers_no_terminal(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_files(root, {"cifar-10-python.tar.gz": tar_gz({"../\x1b[2J": b"x"})})
    said = bench("data", "check", root)
    assert "\x1b" not in said.out + said.err


def test_an_empty_folder_and_none_are_different_mistakes(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    said = bench("data", "check", root)
    assert said.code == DatasetError.exit_code
    assert "holds no file of MNIST" in said.err
    assert "train-images-idx3-ubyte" in said.out
    assert bench("data", "check", tmp_path / "none").code == UsageError.exit_code
    (root / "file").write_text("x")
    assert bench("data", "check", root / "file").code == UsageError.exit_code
    assert "no folder" in bench("data", "check", root / "file").err


def test_a_whole_set_without_published_hashes_ends_well(bench: Bench, tmp_path: Path) -> None:
    batch = bytes(10000 * (1 + 3 * 32 * 32))
    small = cifar_files(BINARY)
    whole = {name: batch if name.endswith(".bin") else data for name, data in small.items()}
    write_files(tmp_path / "data" / BINARY, whole)
    said = bench("data", "check", tmp_path / "data")
    assert said.code == 0, said.err
    assert f"CIFAR-10, binary, in {BINARY}: unverified" in said.out
    assert "10,000 images" in said.out


def test_a_folder_of_ones_own_workloads_without_loaders_is_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "workloads").mkdir()
    said = bench("data", "check", tmp_path, env={"BENCH_WORKLOADS": str(tmp_path / "workloads")})
    assert said.code == SpecError.exit_code
    assert "holds no loaders" in said.err


@pytest.mark.parametrize("status", set(DataStatus) - {DataStatus.OK})
def test_every_status_but_ok_is_explained(status: DataStatus) -> None:
    assert MEANINGS[status].startswith(f"{status}: ")
