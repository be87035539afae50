"""Does the whole machinery find a difference that was planted, and none where there is none?

Ordinary cells through the ordinary runner: only the networks are made here, and their work is exactly known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import Thresholds, compare
from orchestrator.analysis.wording import SCOPE
from orchestrator.engines.choose import Chosen, choose_engine
from orchestrator.engines.docker import DockerEngine
from orchestrator.engines.fake import FakeEngine
from orchestrator.runner.planted import CHECKS, NODES, chain_workload, check_trials, plan_checks, pretend
from orchestrator.runner.run import run_plan
from orchestrator.runner.setup import Prepared, make_setup, read_outputs
from orchestrator.runner.subject import choose_subject, make_twin
from orchestrator.stats.tally import most_claims
from orchestrator.stats.verdicts import Word
from orchestrator.store.opening import hold_store, open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.resume import next_attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from orchestrator.analysis.compare import Comparison
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.site import Site
    from orchestrator.nouns.variant import Variant
    from orchestrator.runner.events import Event
    from orchestrator.runner.planted import Check, Planned
    from orchestrator.runner.subject import Subject
    from orchestrator.store.folder import Store


@dataclass(frozen=True)
class Answer:
    """What came out of one check."""

    check: Check
    comparison: Comparison
    ok: bool


@dataclass(frozen=True)
class Selftest:
    """What came out of all of them."""

    variant: str
    engine: str
    answers: tuple[Answer, ...]
    repeats: int
    """A/A comparisons."""
    claims: int
    """How many of them claimed a difference or could not be made."""
    allowed: int
    """Claims that an honest procedure exceeds in at most 5 % of its self-tests."""
    wall_s: float
    scope: str = SCOPE

    @property
    def failed(self) -> tuple[Answer, ...]:
        """Planted differences that were not found as planted."""
        return tuple(each for each in self.answers if each.check.nodes != NODES and not each.ok)

    @property
    def ok(self) -> bool:
        """Whether the machinery may be trusted."""
        return not self.failed and self.claims <= self.allowed


def choose_for_selftest(name: str, site: Site) -> Chosen:
    """As for every run, but that the pretended engine takes as long as the work that it is given."""
    chosen = choose_engine(name, site)
    return chosen._replace(engine=FakeEngine(pretend)) if chosen.engine.name == "fake" else chosen


def run_selftest(
    chosen: Chosen,
    site: Site,
    store: Path,
    *,
    seed: int | None,
    repeats: int,
    announce: Callable[[str], None],
    on_event: Callable[[Event], None] = lambda _: None,
    checks: Sequence[Check] = CHECKS,
    limits: Limits | None = None,
) -> Selftest:
    """Run the checks, the A/A `repeats` times, and judge them as every comparison is judged.

    Raises BuildError where no numpy variant can be had.
    """
    begin = time.monotonic()
    subject = choose_subject(chosen.engine, site, announce)
    twin = make_twin(subject.variant)
    checks = [check._replace(blocks=check.blocks * repeats) if check.nodes == NODES else check for check in checks]
    planned = plan_checks(subject.variant, twin, checks, seed)
    opened = open_store(store, create=True)
    records = _measure(planned, subject, chosen=chosen, store=opened, announce=announce, on_event=on_event)
    judge = partial(_judge, pair=(subject.variant, twin), repeats=repeats, thresholds=Thresholds(limits=limits))
    answers = tuple(each for check in checks for each in judge(check, records))
    return Selftest(
        variant=subject.variant.id,
        engine=chosen.answer,
        answers=answers,
        repeats=repeats,
        claims=sum(each.check.nodes == NODES and not each.ok for each in answers),
        allowed=most_claims(repeats),
        wall_s=time.monotonic() - begin,
    )


def _measure(
    planned: Planned,
    subject: Subject,
    *,
    chosen: Chosen,
    store: Store,
    announce: Callable[[str], None],
    on_event: Callable[[Event], None],
) -> list[Record]:
    """Every trial, whatever the store holds of earlier self-tests: only these records are judged."""
    if isinstance(chosen.engine, DockerEngine):
        chosen.engine.reap()
    names = [variant.id for variant in planned.plan.variants]
    setup = make_setup(
        planned.plan,
        engine=chosen.engine.name,
        images=dict.fromkeys(names, subject.image),
        networks=planned.networks,
    )
    records: list[Record] = []

    def publish(record: Record) -> None:
        if problem := publish_record(store, record).problem:
            announce(f"not stored: {problem}")
        records.append(record)

    with hold_store(store):
        run_plan(
            setup,
            check_trials(planned, on_event),
            engine=chosen.engine,
            engine_line=chosen.answer,
            prepared=dict.fromkeys(names, Prepared(subject.reference)),
            expected=read_outputs(setup),
            publish=publish,
            on_event=on_event,
            next_attempt=lambda key, block: next_attempt(store, key, block),
        )
    return records


def _judge(
    check: Check,
    records: Iterable[Record],
    *,
    pair: tuple[Variant, Variant],
    repeats: int,
    thresholds: Thresholds,
) -> list[Answer]:
    """One answer, or one per repetition of the A/A: each over blocks of its own."""
    variant, twin = pair
    size = check.blocks // repeats if check.nodes == NODES else check.blocks
    reference, candidate = chain_workload(NODES), chain_workload(check.nodes)
    mine: list[list[Record]] = [[] for _ in range(check.blocks // size)]
    for record in records:
        if record.block >= check.blocks:
            continue
        if record.variant.id == variant.id:
            mine[record.block // size].append(record)
        elif record.workload.id == candidate.id:
            # What is compared differs in its work on purpose: it stands under the name of the other's workload, so
            # that it takes the way of every other comparison.
            mine[record.block // size].append(record.model_copy(update={"workload": reference}))
    found = [compare(each, variant.id, twin.id, thresholds=thresholds).items[0] for each in mine]
    return [Answer(check, comparison, _is_right(check, comparison)) for comparison in found]


def _is_right(check: Check, found: Comparison) -> bool:
    """Equals must not be told apart; more work must be seen as slower, by as much as there is more of it."""
    if check.nodes == NODES:
        return found.verdict.word not in {Word.FASTER, Word.SLOWER, Word.INVALID}
    return (
        found.verdict.word is Word.SLOWER
        and found.ratio is not None
        and found.ratio.low <= check.expected + check.slack
        and found.ratio.high >= check.expected - check.slack
    )
