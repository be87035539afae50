"""What is a workload told of its device, and which GPU is it shown?"""

from __future__ import annotations

import pytest

from orchestrator.host.topology import CpuSet
from orchestrator.nouns.plan import Cell, Trial
from orchestrator.nouns.variant import Device
from orchestrator.nouns.workload import Network
from orchestrator.runner.job import make_job
from orchestrator.runner.launch import make_launch
from tests.makers import method, variant, workload

NETWORK = Network(name="gemm", title="", source="", inputs={}, outputs=("y",), compared="y", parameters=0, nodes=())


@pytest.mark.parametrize(("device", "gpus"), [(Device.CPU, ()), (Device.CUDA, ("GPU-1",))])
def test_a_cuda_row_gets_the_first_gpu_of_the_host_and_its_job_says_so(device: Device, gpus: tuple[str, ...]) -> None:
    row, work = variant(device=device), workload(network="gemm")
    cell = Cell(work.id, row.id, 1, "default")
    job = make_job(cell, variant=row, workload=work, network=NETWORK, method=method())
    assert job.device == device
    made = make_launch(
        Trial(cell, 0, 0),
        job,
        variant=row,
        method=method(),
        reference="sha256:ab",
        code={},
        cpuset=CpuSet((0,), (0,), ()),
        run="run-1",
        attempt=1,
        gpus=("GPU-1", "GPU-2"),
    )
    assert made.gpus == gpus
    assert "CUDA_VISIBLE_DEVICES" not in made.env
