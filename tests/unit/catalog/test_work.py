"""Are networks and suites read, and identifiers of workloads understood?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.catalog.work import parse_workload, read_networks, read_suites, read_workloads, select_workloads
from orchestrator.errors import SpecError, UnknownNameError
from orchestrator.nouns.workload import Dtype, Workload

NETWORK = {
    "name": "tiny",
    "title": "Tiny",
    "source": "nowhere",
    "inputs": {"x": [1, 4]},
    "outputs": ["y"],
    "compared": "y",
    "parameters": 0,
    "nodes": [{"name": "y", "op": "Relu", "inputs": ["x"]}],
}


def make(folder: Path, *, suite: str = 'title = "One"\nworkloads = ["tiny-infer-b8"]\n', **changes: object) -> Path:
    for name in ("networks", "suites"):
        (folder / name).mkdir()
    (folder / "networks" / "tiny.json").write_text(json.dumps(NETWORK | changes))
    (folder / "suites" / "one.toml").write_text(suite)
    return folder


def test_an_identifier_is_network_mode_and_batch() -> None:
    assert parse_workload("vgg16-infer-b1", ["vgg16"]) == Workload(network="vgg16", batch=1)
    assert parse_workload("mobilenet_v1-infer-b64", ["mobilenet_v1"]).id == "mobilenet_v1-infer-b64"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int8"])
def test_an_identifier_ends_in_the_type_that_is_not_float32(tmp_path: Path, dtype: str) -> None:
    work = parse_workload(f"vgg16-infer-b8-{dtype}", ["vgg16"])
    assert (work.batch, work.dtype, work.id) == (8, Dtype(dtype), f"vgg16-infer-b8-{dtype}")
    chosen = select_workloads(f"tiny-infer-b{{1,2}}-{dtype}", make(tmp_path))
    assert [each.id for each in chosen] == [f"tiny-infer-b1-{dtype}", f"tiny-infer-b2-{dtype}"]


@pytest.mark.parametrize(
    "name",
    [
        "vgg16-infer-b1-float32",
        "vgg16-infer-b1-int4",
        "vgg61-infer-b1",
        "vgg16-infer-b0",
        "vgg16-infer",
        "vgg16-trains-b1",
        "../vgg16",
        "",
    ],
)
def test_what_is_no_workload_is_refused_with_the_nearest(name: str) -> None:
    with pytest.raises(UnknownNameError, match="vgg16-infer-b1"):
        parse_workload(name, ["vgg16"])


def test_workloads_are_every_network_and_what_suites_add(tmp_path: Path) -> None:
    assert [work.id for work in read_workloads(make(tmp_path))] == ["tiny-infer-b1", "tiny-infer-b8"]
    assert [work.id for work in select_workloads("tiny-*", tmp_path)] == ["tiny-infer-b1", "tiny-infer-b8"]
    assert [work.id for work in select_workloads("tiny-infer-b3", tmp_path)] == ["tiny-infer-b3"]


def test_a_suite_that_names_an_unknown_workload_is_refused_with_its_file(tmp_path: Path) -> None:
    folder = make(tmp_path, suite='title = "One"\nworkloads = ["tinny-infer-b1"]\n')
    with pytest.raises(SpecError, match=r"suites/one\.toml: key workloads: .*did you mean 'tiny-infer-b1'"):
        read_suites(folder)


def test_an_unknown_key_of_a_method_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path, suite='title = "One"\nworkloads = []\n[method]\nwarm_up = 3\n')
    with pytest.raises(SpecError, match=r"unknown key 'warm_up'; did you mean 'warmup'\?"):
        read_suites(folder)


def test_a_network_is_called_as_its_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected 'tiny', as the file is called"):
        read_networks(make(tmp_path, name="other") / "networks")


def test_every_network_and_suite_of_the_product_can_be_read() -> None:
    assert {"gemm", "vgg16", "mobilenet_v1"} <= set(read_networks())
    assert {"default", "demo", "quick"} <= set(read_suites())
