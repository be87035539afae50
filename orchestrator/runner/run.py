"""How does a plan become records?"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.errors import BuildError, NoEngineError, StuckError
from orchestrator.host.locks import hold_cores
from orchestrator.host.topology import pinned_off
from orchestrator.nouns.record import Record, Status
from orchestrator.runner.events import Began, Ended, Waiting
from orchestrator.runner.launch import make_launch
from orchestrator.runner.provenance import make_provenance, make_run_id
from orchestrator.runner.record import Subject, make_imageless_record, make_record
from orchestrator.runner.setup import cell_keys
from orchestrator.runner.signals import stop_on_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.engine import Engine
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.launch import Launch, Outcome
    from orchestrator.nouns.plan import Cell, Trial
    from orchestrator.runner.events import Event
    from orchestrator.runner.setup import Prepared, Setup
    from orchestrator.runner.signals import Stop

ENGINE_RETRIES = 1
"""For what the infrastructure did. What a workload did is a result, and is not tried again."""
ENGINE_PATIENCE_S = 20.0
ENGINE_POLL_S = 1.0


def run_plan(
    setup: Setup,
    trials: Iterable[Trial],
    *,
    engine: Engine,
    engine_line: str,
    prepared: Mapping[str, Prepared],
    expected: Mapping[str, Mapping[str, Expected]],
    publish: Callable[[Record], None],
    on_event: Callable[[Event], None] = lambda _: None,
    next_attempt: Callable[[str, int], int] = lambda _key, _block: 1,
    run: str | None = None,
) -> int:
    """Run these trials one after another; every attempt is published as it ends. Returns the number of records.

    `trials` may be lazy: the next one is asked for when the record of the one before is published, and not earlier.
    `prepared` and `expected` are by variant's and workload's identifier, `next_attempt` by key and block. Raises
    InterruptedRunError or TerminatedRunError after a signal, NoEngineError when the engine stays away, StuckError when
    a process cannot be ended.
    """
    with stop_on_signal(engine) as stop:
        desk = _Desk(
            setup,
            engine=engine,
            engine_line=engine_line,
            prepared=prepared,
            expected=expected,
            publish=publish,
            tell=on_event,
            next_attempt=next_attempt,
            run=run or make_run_id(),
            stop=stop,
            keys=cell_keys(setup),
        )
        for number, trial in enumerate(trials, start=1):
            stop.raise_if_asked()
            desk.run_trial(trial, number)
        stop.raise_if_asked()
        return desk.published


@dataclass
class _Desk:
    """What the trials of one run share."""

    setup: Setup
    engine: Engine
    engine_line: str
    prepared: Mapping[str, Prepared]
    expected: Mapping[str, Mapping[str, Expected]]
    publish: Callable[[Record], None]
    tell: Callable[[Event], None]
    next_attempt: Callable[[str, int], int]
    run: str
    stop: Stop
    keys: Mapping[Cell, str]
    attempts: dict[Trial, int] = field(default_factory=dict)
    """The last attempt at each trial in this run."""
    published: int = 0

    def run_trial(self, trial: Trial, number: int) -> None:
        """One trial to a record that counts, or to the end of its retries."""
        for _ in range(1 + ENGINE_RETRIES):
            subject = self._subject(trial)
            self.tell(Began(trial, number, subject.attempt))
            record = self._attempt(subject)
            if record is None:
                return  # stopped before it began: there is nothing to keep
            self.publish(record)
            self.published += 1
            self.tell(Ended(trial, number, record))
            if record.status is Status.STUCK:
                cpus = ", ".join(str(cpu) for cpu in record.cpus)
                raise StuckError(
                    f"{record.cell}: {record.reason}; nothing more is measured beside it on CPU {cpus}: see "
                    "`bench reap` and `ps`, end it or restart the machine, and the same command resumes"
                )
            if record.status is not Status.ENGINE_LOST or self.stop.asked():
                return
            self._await_engine()

    def _subject(self, trial: Trial) -> Subject:
        key = self.keys[trial.cell]
        attempt = max(self.next_attempt(key, trial.block), self.attempts.get(trial, 0) + 1)
        self.attempts[trial] = attempt
        return Subject(
            trial=trial,
            key=key,
            attempt=attempt,
            variant=self.setup.variant(trial.cell),
            workload=self.setup.workload(trial.cell),
            method=self.setup.plan.method,
            cpus=self.setup.cpusets[trial.cell.threads].cpus,
        )

    def _attempt(self, subject: Subject) -> Record | None:
        ready = self.prepared[subject.variant.id]
        provenance = make_provenance(
            self.setup,
            subject.trial.cell,
            run=self.run,
            engine_line=self.engine_line,
            sequence=self.published,
        )
        if ready.problem:
            return make_imageless_record(subject, ready.problem, provenance=provenance)
        expected = self.expected.get(subject.workload.id, {})
        try:
            outcome = self._launch(self._make_launch(subject, ready.reference, expected))
        except BuildError as error:
            return make_imageless_record(subject, error.recorded, provenance=provenance)
        if outcome is None:
            return None
        image_id = outcome.observed.image_id
        after = {"image_id": image_id, "source_changed": self.setup.code.has_changed()}
        return make_record(subject, outcome, provenance=provenance.model_copy(update=after), expected=expected)

    def _make_launch(self, subject: Subject, reference: str, expected: Mapping[str, Expected]) -> Launch:
        cell = subject.trial.cell
        return make_launch(
            subject.trial,
            self.setup.job(cell, expected),
            variant=subject.variant,
            script=self.setup.script(cell),
            method=subject.method,
            reference=reference,
            code=self.setup.code_of(cell).files,
            cpuset=self.setup.cpusets[cell.threads],
            run=self.run,
            attempt=subject.attempt,
            gpus=self.setup.gpus,
        )

    def _launch(self, launch: Launch) -> Outcome | None:
        """Run it with its cores held and this process off them; None where a signal came while it waited."""
        if self.setup.lock_folder is None:
            return self.engine.run(launch)
        cpuset = next(cpuset for cpuset in self.setup.cpusets.values() if cpuset.cpus == launch.cpus)
        with hold_cores(
            cpuset.cores,
            folder=self.setup.lock_folder,
            tell=lambda reason: self.tell(Waiting(reason)),
            stop=self.stop.asked,
        ) as held:
            if not held:
                return None
            with pinned_off(cpuset.blocked):
                return self.engine.run(launch)

    def _await_engine(self) -> None:
        """Give an engine that restarts some time; raises NoEngineError when it stays away."""
        deadline = time.monotonic() + ENGINE_PATIENCE_S
        while True:
            try:
                self.engine.check()
            except NoEngineError as error:
                self.stop.raise_if_asked()
                if time.monotonic() > deadline:
                    message = f"{error}; every finished trial is in the store, and the same command resumes"
                    raise NoEngineError(message) from error
                self.tell(Waiting("the engine does not answer; waiting for it"))
                time.sleep(ENGINE_POLL_S)
            else:
                return
