"""Does every setting that may change a number change its key, and nothing else?"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import SpecError
from orchestrator.host.topology import Core, CpuSet
from orchestrator.nouns.job import Job, Told
from orchestrator.nouns.plan import Cell, Trial
from orchestrator.nouns.script import Script
from orchestrator.nouns.workload import Network
from orchestrator.runner import key as key_module
from orchestrator.runner.code import Code, add_script, read_code, workloads_hash
from orchestrator.runner.job import make_job
from orchestrator.runner.key import cell_key
from orchestrator.runner.launch import PAD, make_env, make_launch, make_limits
from tests.makers import expected, method, variant, workload

NETWORK = Network(
    name="vgg16", title="", source="", inputs={"x": (1, 2)}, outputs=("y",), compared="y", parameters=4, nodes=()
)
CELL = Cell("vgg16-infer-b1", variant().id, 1, "default")


def job(**fields: Any) -> Job:
    made = make_job(
        CELL, variant=variant(), workload=workload(), network=NETWORK, method=method(), expected={"y": expected()}
    )
    return made.model_copy(update=fields)


def key(**fields: Any) -> str:
    defaults: dict[str, Any] = {
        "cell": CELL,
        "job": job(),
        "image_digest": "a",
        "workloads_hash": "b",
        "env": {"A": "1", "B": "2"},
        "limits": {"memory_bytes": 1, "timeout_s": 600.0},
        "cpu_shape": "1 cpus on 1 cores of 1 nodes",
        "engine": "docker",
    }
    values = defaults | fields
    return cell_key(values.pop("cell"), values.pop("job"), **values)


CHANGES: dict[str, dict[str, Any]] = {
    "variant": {"cell": CELL._replace(variant="other")},
    "workload": {"cell": CELL._replace(workload="other")},
    "threads": {"cell": CELL._replace(threads=2)},
    "mode": {"cell": CELL._replace(mode="compiled")},
    "image": {"image_digest": "c"},
    "code": {"workloads_hash": "c"},
    "a variable's value": {"env": {"A": "1", "B": "3"}},
    "a variable more": {"env": {"A": "1", "B": "2", "C": ""}},
    "memory": {"limits": {"memory_bytes": 2, "timeout_s": 600.0}},
    "timeout": {"limits": {"memory_bytes": 1, "timeout_s": 60.0}},
    "shape of the CPUs": {"cpu_shape": "2 cpus on 1 cores of 1 nodes"},
    "engine": {"engine": "local"},
    **{
        f"job's {name}": {"job": job(**{name: value})}
        for name, value in {
            "job_schema": 2,
            "backend": "other",
            "network": NETWORK.model_copy(update={"parameters": 5}),
            "script": Told(name="mine", argv=("./mine",), arguments={}),
            "batch": 2,
            "mode": "train",
            "region": "end_to_end",
            "execution": "compiled",
            "dtype": "float64",
            "seed": 7,
            "threads": 9,
            "onednn": "on",
            "device": "cuda",
            "warmup": 9,
            "min_time_s": 9.0,
            "min_count": 9,
            "max_time_s": 9.0,
        }.items()
    },
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_any_setting_changes_the_key(change: dict[str, Any]) -> None:
    assert key(**change) != key()


def test_every_field_of_a_job_is_in_the_key_but_the_expected_output() -> None:
    tried = {name.removeprefix("job's ") for name in CHANGES if name.startswith("job's ")}
    assert tried == set(Job.model_fields) - {"expected"}
    assert key(job=job(expected={})) == key()


def test_how_a_record_is_written_down_does_not_move_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr("orchestrator.nouns.record.RECORD_SCHEMA", 999)
    importlib.reload(key_module)
    assert key() == before


def test_a_networks_cell_is_called_as_it_was_before_there_were_scripts() -> None:
    """A new name would have every stored cell measured again."""
    assert key() == "19d63035e50bcec284439fe7e914eb344ec151b8326a5cfde79a2b43cd0850ce"
    assert "script" not in job().model_dump() and b"script" not in job().model_dump_json().encode()


SCRIPT = Script(name="mine", argv=("./mine", "x"), files={"mine": b"1"}, arguments={"n": 1}, expected={"y": expected()})


def script_key(**fields: Any) -> str:
    script = SCRIPT.model_copy(update=fields)
    made = make_job(CELL, variant=variant(), workload=workload(), script=script, method=method())
    return key(job=made, workloads_hash=add_script(Code({"workloads/__main__.py": b""}, ""), script).digest)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"argv": ("./mine", "y")},
        {"files": {"mine": b"2"}},
        {"files": {"mine": b"1", "more": b""}},
        {"arguments": {"n": 2}},
        {"arguments": {"n": "1"}},
        {"expected": {}},
        {"expected": {"y": expected(tolerance=1.0)}},
    ],
)
def test_whatever_of_a_script_may_change_a_number_or_its_proof_changes_the_key(change: dict[str, Any]) -> None:
    assert script_key(**change) != script_key()
    assert script_key(title="only a title") == script_key()


def test_the_order_of_keys_and_the_way_a_number_is_written_do_not_matter() -> None:
    assert key(env={"B": "2", "A": "1"}) == key()
    assert key(limits={"timeout_s": 600, "memory_bytes": 1.0}) == key()
    assert len(key()) == 64


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_only_code_travels_and_names_itself(tmp_path: Path) -> None:
    files = {"__main__.py": "", "backends/b.py": "1", "backends/a.py": "2", "table.json": "{}"}
    others = {"suites/s.toml": "", "networks/n.json": "{}", "__pycache__/x.py": "", "notes.md": "", "b.pyc": ""}
    code = read_code(write(tmp_path / "workloads", files | others))
    assert list(code.files) == sorted(f"workloads/{name}" for name in files)
    before = code.digest
    write(tmp_path / "workloads", {"networks/n.json": "{ }"})
    assert read_code(tmp_path / "workloads").digest == before
    write(tmp_path / "workloads", {"backends/a.py": "3"})
    assert read_code(tmp_path / "workloads").digest != before


def test_the_hash_covers_names_as_well_as_contents() -> None:
    assert workloads_hash({"a": b"1", "b": b"2"}) == workloads_hash({"b": b"2", "a": b"1"})
    assert len({workloads_hash(files) for files in ({"a": b"1"}, {"b": b"1"}, {"a": b"2"}, {"a": b"1", "b": b""})}) == 4


def test_a_folder_without_workloads_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="BENCH_WORKLOADS"):
        read_code(tmp_path)


def launch(
    block: int = 0,
    attempt: int = 1,
    threads: int = 2,
    script: Script | None = None,
    code: dict[str, bytes] | None = None,
    **fields: Any,
) -> Any:
    return make_launch(
        Trial(CELL._replace(threads=threads), block, 0),
        job(),
        variant=variant(**fields),
        method=method(),
        reference="sha256:ab",
        script=script,
        code=code or {"workloads/__main__.py": b""},
        cpuset=CpuSet((4, 6), (1,), (Core((4, 5), (4, 5), 1), Core((6, 7), (6, 7), 1))),
        run="run-1",
        attempt=attempt,
    )


def test_every_library_is_told_the_number_of_threads() -> None:
    env = launch().env
    told = {name: value for name, value in env.items() if name.endswith("_THREADS") and "INTEROP" not in name}
    assert set(told.values()) == {"2"}
    for name in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "VECLIB"):
        assert f"{name}_NUM_THREADS" in told
    assert env["MKL_DYNAMIC"] == env["OMP_DYNAMIC"] == "FALSE"


def test_a_variants_own_variables_win() -> None:
    assert launch(env={"OPENBLAS_CORETYPE": "Haswell"}).env["OPENBLAS_CORETYPE"] == "Haswell"
    assert launch(env={"MKL_DYNAMIC": "TRUE"}).env["MKL_DYNAMIC"] == "TRUE"


def test_the_stack_moves_from_trial_to_trial_and_comes_back_with_the_seed() -> None:
    pads = [launch(block=block).env[PAD] for block in range(8)]
    assert len({len(pad) for pad in pads}) >= 6
    assert all(len(pad) < 4096 for pad in pads)
    assert pads == [launch(block=block).env[PAD] for block in range(8)]
    assert launch(attempt=2).env[PAD] != launch(attempt=1).env[PAD]
    assert PAD not in make_env(variant(), 1), "what is in the key does not move"


def test_a_launch_has_the_cells_cpus_and_room_for_its_threads() -> None:
    made = launch()
    assert (made.cpus, made.mems) == ((4, 6), (1,))
    assert made.pids >= 4 * 2 + 64
    assert made.argv[1:3] == ("-m", "workloads")
    assert sorted(made.files) == ["job.json", "workloads/__main__.py"]
    assert Job.model_validate_json(made.files["job.json"]) == job()
    assert set(make_limits(method(), 2)) == {"memory_bytes", "pids", "shm_bytes", "tmp_bytes", "timeout_s"}


def test_a_script_is_started_by_itself_with_its_files_and_everything_else_as_for_a_network() -> None:
    code = add_script(Code({"workloads/__main__.py": b""}, ""), SCRIPT)
    made, other = launch(script=SCRIPT, code=code.files), launch()
    assert made.argv == ("./mine", "x")
    assert sorted(made.files) == ["job.json", "mine", "workloads/__main__.py"]
    assert made.executables == {"mine"} and not other.executables
    same = {"argv", "files", "executables"}
    assert made.model_dump(exclude=same) == other.model_dump(exclude=same)
    assert not SCRIPT.model_copy(update={"argv": ("python3", "mine")}).executables
