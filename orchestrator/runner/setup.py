"""What is fixed for all trials of a run, before the first of them begins?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator import paths
from orchestrator.errors import BuildError
from orchestrator.host.drivers import list_gpus
from orchestrator.host.fingerprint import Fingerprint, read_fingerprint
from orchestrator.host.locks import find_lock_folder
from orchestrator.host.topology import Core, CpuSet, choose_cpus, read_topology
from orchestrator.nouns.variant import Device
from orchestrator.nouns.workload import Mode
from orchestrator.runner.code import Code, add_script, read_code
from orchestrator.runner.job import make_job
from orchestrator.runner.key import cell_key
from orchestrator.runner.launch import make_env, make_limits
from orchestrator.runner.reference import read_expected, remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from orchestrator.engine import Engine
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.job import Expected, Job
    from orchestrator.nouns.plan import Cell, Plan
    from orchestrator.nouns.script import Script
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Network, Workload

PRETENDED_CORES = tuple(Core((cpu,), (cpu,), 0) for cpu in range(256))

PRETENDED_HOST: dict[str, str | None] = {"cpu_model": "fake"}


class Own(NamedTuple):
    """A script of the user's, and the code that travels with it."""

    script: Script
    code: Code


class Prepared(NamedTuple):
    """What a variant is launched by, or why it cannot be."""

    reference: str
    problem: str = ""


class Setup(NamedTuple):
    """A plan on this machine with this engine and this code. Everything that a key depends on is here."""

    plan: Plan
    engine: str
    """Its name: `docker`, `local`, `fake`."""
    images: Mapping[str, Image]
    """By the variant's identifier."""
    networks: Mapping[str, Network]
    own: Mapping[str, Own]
    """By the script's name."""
    code: Code
    cpusets: Mapping[int, CpuSet]
    """By the number of threads."""
    host: Mapping[str, str | None]
    host_unavailable: Mapping[str, str]
    """Field of `host` -> why it is null."""
    gpus: tuple[str, ...]
    """UUIDs of the GPUs of this host, in the driver's order; empty where no row of the plan asks for one."""
    lock_folder: Path | None
    """None where nothing runs on this machine's cores."""

    def variant(self, cell: Cell) -> Variant:
        """The cell's row."""
        return next(variant for variant in self.plan.variants if variant.id == cell.variant)

    def workload(self, cell: Cell) -> Workload:
        """The cell's workload."""
        return next(workload for workload in self.plan.workloads if workload.id == cell.workload)

    def script(self, cell: Cell) -> Script | None:
        """The cell's script; None where it computes a network."""
        workload = self.workload(cell)
        return self.own[workload.network].script if workload.mode is Mode.SCRIPT else None

    def code_of(self, cell: Cell) -> Code:
        """What travels into the cell's trials."""
        workload = self.workload(cell)
        return self.own[workload.network].code if workload.mode is Mode.SCRIPT else self.code

    def job(self, cell: Cell, expected: Mapping[str, Expected] | None = None) -> Job:
        """What the cell's trials are told; `expected` is the reference's word."""
        workload, script = self.workload(cell), self.script(cell)
        return make_job(
            cell,
            variant=self.variant(cell),
            workload=workload,
            network=None if script else self.networks[workload.network],
            script=script,
            method=self.plan.method,
            expected=expected,
        )


def make_setup(
    plan: Plan,
    *,
    engine: str,
    images: Mapping[str, Image],
    networks: Mapping[str, Network],
    scripts: Mapping[str, Script] | None = None,
    code: Code | None = None,
    cores: tuple[Core, ...] | None = None,
    host: Mapping[str, str | None] | None = None,
) -> Setup:
    """Reads the workloads' code, the machine's cores and its state. Raises UsageError for too many threads.

    The fake engine runs nowhere: it gets cores that do not exist, and holds no locks.
    """
    code = code or read_code()
    asked = {workload.network for workload in plan.workloads if workload.mode is Mode.SCRIPT}
    own = {name: Own(script, add_script(code, script)) for name, script in (scripts or {}).items() if name in asked}
    pretended = engine == "fake"
    cores = cores or (PRETENDED_CORES if pretended else read_topology())
    known = pretended or host is not None
    seen = Fingerprint(dict(host or PRETENDED_HOST), {}) if known else read_fingerprint()
    return Setup(
        plan=plan,
        engine=engine,
        images=images,
        networks=networks,
        own=own,
        code=code,
        cpusets={threads: choose_cpus(threads, cores) for threads in sorted({cell.threads for cell in plan.cells})},
        host=seen.values,
        host_unavailable=seen.reasons,
        gpus=list_gpus()[0] if any(row.device is Device.CUDA for row in plan.variants) else (),
        lock_folder=None if pretended else find_lock_folder(),
    )


def cell_keys(setup: Setup) -> dict[Cell, str]:
    """The key of every cell of the plan: what a store is asked for to find out what is left to do."""
    keys = {}
    for cell in setup.plan.cells:
        keys[cell] = cell_key(
            cell,
            setup.job(cell),
            image_digest=setup.images[cell.variant].digest,
            workloads_hash=setup.code_of(cell).digest,
            env=make_env(setup.variant(cell), cell.threads),
            limits=make_limits(setup.plan.method, cell.threads),
            cpu_shape=setup.cpusets[cell.threads].shape,
            engine=setup.engine,
        )
    return keys


def read_outputs(setup: Setup) -> dict[str, dict[str, Expected]]:
    """Workload's identifier -> output name -> what it must be, of every workload of the plan.

    By the reference, or by the user's own word.
    """
    cache = paths.cache_dir()
    remove_leftovers(cache)
    return {
        workload.id: setup.own[workload.network].script.expected
        if workload.mode is Mode.SCRIPT
        else read_expected(
            setup.networks[workload.network],
            workload,
            seed=setup.plan.method.seed,
            code=setup.code,
            cache=cache,
        )
        for workload in setup.plan.workloads
    }


def prepare_images(
    engine: Engine, variants: Iterable[Variant], images: Mapping[str, Image], announce: Callable[[str], None]
) -> dict[str, Prepared]:
    """Variant's identifier -> what to launch it by. One that cannot be prepared does not stop the others.

    Why it cannot is announced in full; what a record may say of it is the `problem`.
    """
    prepared = {}
    for variant in variants:
        try:
            prepared[variant.id] = Prepared(engine.prepare(variant, images[variant.id]))
        except BuildError as error:
            announce(str(error))
            prepared[variant.id] = Prepared("", error.recorded)
    return prepared
