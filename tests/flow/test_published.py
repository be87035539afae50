"""Do published tables and published mistakes come out of the command line, with a store, without one, and again?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import paths
from tests.unit.published.makers import small

if TYPE_CHECKING:
    from tests.command import Bench

NUMPY = "numpy-2.4.6-pip-openblas-cpu"
AGAIN = ("published", "--as-published", "--engine", "fake")


@pytest.fixture
def tiny(tmp_path: Path) -> dict[str, str]:
    """The workloads with small networks of the same names: the reference computes each of them many times here."""
    folder = tmp_path / "workloads"
    shutil.copytree(paths.workloads_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("vgg16", "mobilenet_v1"):
        made = small(name).model_dump(mode="json")
        (folder / "networks" / f"{name}.json").write_text(json.dumps(made))
    return {"BENCH_WORKLOADS": str(folder)}


def test_published_tables_stand_alone_where_there_is_no_store(bench: Bench) -> None:
    said = bench("published", "--source", "peisuke-2018", "--workload", "vgg16*")
    assert said.code == 0, said.err
    assert "13.90 s" in said.out
    assert "no store yet" in said.err
    document = bench("published", "--format", "json").json()
    assert len({(row["source"], row["framework"], row["variant"]) for row in document["published"]}) > 40
    assert {row["our_ratio"] for row in document["published"]} == {None}


def test_a_store_that_is_named_and_missing_is_an_error(bench: Bench, tmp_path: Path) -> None:
    said = bench("published", "--store", tmp_path / "nowhere")
    assert said.code == 7
    assert said.out == ""


def test_our_ratios_come_from_the_store(bench: Bench, tmp_path: Path) -> None:
    run = ("matrix", "--engine", "fake", "--suite", "quick", "--workloads", "mobilenet_v1-infer-b1")
    pair = ("numpy-1.24.2-distro-openblas-cpu", "numpy-1.24.2-distro-atlas-cpu")
    for name in pair:
        said = bench(*run, "--variants", name, "--store", tmp_path / "apart")
        assert said.code == 0, said.err
    assert bench(*run, "--variants", "numpy-1.24.2-distro-*", "--store", tmp_path / "s").code == 0

    def row(store: str) -> Any:
        found = bench("published", "--store", tmp_path / store, "--source", "peisuke-2018", "--format", "json").json()
        return next(
            each
            for each in found["published"]
            if each["variant"] == "1.0 atlas"
            and each["workload"].startswith("mobilenet")
            and each["our_candidate"].startswith("numpy")
        )

    compared = bench("compare", *pair, "--store", tmp_path / "s", "--format", "json")
    assert row("s")["our_ratio"] == pytest.approx(compared.json()["comparisons"][0]["time_ratio"])
    assert row("s")["verdict"] in {"faster", "slower"}
    assert row("apart")["verdict"] == "invalid", "two runs of one build each share no blocks"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("published", "--source", "peisuke-2019"), 3, "did you mean 'peisuke-201"),
        (("published", "--workload", "vgg19*"), 3, "no published workload"),
        (("published", "--variant", NUMPY), 2, "--as-published"),
        (("published", "--blocks", "3"), 2, "--as-published"),
        ((*AGAIN, "--source", "ilkarman"), 2, "--variant and --workload"),
        ((*AGAIN, "--variant", "numpy-2.4.6-pip-openblas-gpu"), 3, f"did you mean '{NUMPY}'"),
        ((*AGAIN, "--workload", "gemm*"), 3, "no workload with published mistakes"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    bench: Bench, arguments: tuple[str, ...], code: int, words: str
) -> None:
    said = bench(*arguments)
    assert said.code == code, said.err
    assert words in said.err.replace("\n", " ")
    assert said.out == ""


def test_mistakes_run_as_cells_beside_the_right_network_and_are_found(
    bench: Bench, tmp_path: Path, tiny: dict[str, str]
) -> None:
    store = tmp_path / "s"
    said = bench(*AGAIN, "--blocks", "5", "--store", store, "--format", "json", env=tiny)
    assert said.code == 0, said.err
    found = {(row["recreated"], row["right"]): row for row in said.json()["mistakes"]}
    assert {name for name, _ in found} == {
        "first-calls",
        "vgg16.no_fc_relu",
        "vgg16.scaled_input",
        "mobilenet_v1.no_classifier",
        "mobilenet_v1.softmax_twice",
        "mobilenet_v1.no_softmax",
        "mobilenet_v1.batch_statistics",
        "mobilenet_v1.conv_bias",
    }
    assert all(
        row["blocks"] == 5 and row["ratio_low"] <= row["time_ratio"] <= row["ratio_high"] for row in found.values()
    )
    assert all("wrong: " in row["found"] for (name, _), row in found.items() if name != "first-calls")
    # The fake engine's first call takes three times as long as another one, its one warm-up step a tenth longer.
    first = found["first-calls", "vgg16-infer-b1"]["time_ratio"]
    assert first == pytest.approx((3 + 2 * 1.1 + 17) / 20, rel=0.02)
    listed = bench("results", "--store", store, "--format", "json").json()["results"]
    assert {row["workload"] for row in listed} >= {"vgg16-infer-b1", "vgg16.no_fc_relu-infer-b1"}
    assert {row["verdict"] for row in listed} == {"valid"}


def test_a_second_run_measures_nothing_again_and_one_block_more_only_that(
    bench: Bench, tmp_path: Path, tiny: dict[str, str]
) -> None:
    command = (*AGAIN, "--workload", "vgg*", "--store", tmp_path / "s", "--format", "json")
    first = bench(*command, "--blocks", "2", env=tiny)
    files = sorted((tmp_path / "s").glob("records/*/[!.]*.json"))
    assert len(files) == 2 * 3
    again = bench(*command, "--blocks", "2", env=tiny)
    assert again.out == first.out
    assert sorted((tmp_path / "s").glob("records/*/[!.]*.json")) == files
    assert bench(*command, "--blocks", "3", env=tiny).code == 0
    assert len(list((tmp_path / "s").glob("records/*/[!.]*.json"))) == 3 * 3
    assert bench("verify", "--store", tmp_path / "s").code == 0


def test_trials_of_older_code_do_not_enter(bench: Bench, tmp_path: Path, tiny: dict[str, str]) -> None:
    command = (*AGAIN, "--workload", "vgg*", "--store", tmp_path / "s", "--format", "json")
    assert {row["blocks"] for row in bench(*command, "--blocks", "3", env=tiny).json()["mistakes"]} == {3}
    with (Path(tiny["BENCH_WORKLOADS"]) / "timing.py").open("a") as file:
        file.write("\n# another version\n")
    assert {row["blocks"] for row in bench(*command, "--blocks", "1", env=tiny).json()["mistakes"]} == {1}


def test_gradients_are_a_mode_of_a_build_that_has_them(bench: Bench, tmp_path: Path, tiny: dict[str, str]) -> None:
    command = (*AGAIN, "--variant", "pytorch-2.13.0-pip-mkl-cpu", "--workload", "vgg*", "--blocks", "2")
    document = bench(*command, "--store", tmp_path / "s", "--format", "json", env=tiny).json()
    (row,) = [each for each in document["mistakes"] if each["recreated"] == "autograd"]
    assert (row["mode"], row["right"], row["mistaken"], row["blocks"]) == ("autograd", *("vgg16-infer-b1",) * 2, 2)
    assert "P12" not in document["not_recreated"]
