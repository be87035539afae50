"""Does every backend have a script beside it that a user would have written, or a reason why not?"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from benchmarks.backends import HANDWRITTEN, ROWS, WITHOUT
from orchestrator.catalog.rows import read_variants
from orchestrator.nouns.variant import Device

if TYPE_CHECKING:
    from pathlib import Path

SHARED = {"__init__", "__main__", "onnx_model", "plans"}
SCRIPTS = {path.stem: path for path in HANDWRITTEN.glob("*.py") if path.stem not in SHARED}
BUILT = [row for row in read_variants().variants if row.device is Device.CPU and not row.unverified]


def test_every_backend_of_a_cpu_row_has_a_script_or_a_reason() -> None:
    assert set(SCRIPTS) | set(WITHOUT) == {row.backend for row in BUILT}
    assert not set(SCRIPTS) & set(WITHOUT)


def test_every_script_is_measured_on_a_row_that_was_built() -> None:
    backends = {row.id: row.backend for row in BUILT}
    assert {backends[row] for row in ROWS} == set(SCRIPTS)


@pytest.mark.parametrize("path", sorted(HANDWRITTEN.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_parses_in_the_oldest_image(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_has_a_step_to_build(name: str) -> None:
    functions = [node for node in ast.parse(SCRIPTS[name].read_text()).body if isinstance(node, ast.FunctionDef)]
    made = {node.name: [argument.arg for argument in node.args.args] for node in functions}
    assert made["build"] == ["name", "batch", "size", "threads"]
    if name not in {"mnn", "onnxruntime", "opencv", "openvino"}:
        assert {"vgg16", "cifar_cnn"} <= set(made), "every network that the framework can run is written out"
