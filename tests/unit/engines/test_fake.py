"""Does the fake engine answer like a real one, and always the same?"""

from __future__ import annotations

import pytest

from orchestrator.engine import Engine
from orchestrator.engines.choose import choose_engine, make_engine
from orchestrator.engines.fake import FakeEngine
from orchestrator.errors import NoEngineError, UnknownNameError
from orchestrator.nouns.image import Image
from orchestrator.nouns.job import Job
from orchestrator.nouns.launch import End, Launch
from orchestrator.nouns.site import Site
from orchestrator.nouns.workload import Network
from orchestrator.runner.reply import read_reply
from tests.makers import expected, variant

NETWORK = Network(
    name="gemm", title="", source="", inputs={"x": (1, 2)}, outputs=("y",), compared="y", parameters=4, nodes=()
)
IMAGE = Image(name="bench/x:1", dockerfile="", context={}, base="", digest="d" * 64)


def launch(engine: Engine, name: str = "trial") -> Launch:
    job = Job(
        backend="numpy",
        network=NETWORK,
        batch=1,
        mode="infer",
        region="compute",
        execution="default",
        dtype="float32",
        seed=1,
        threads=1,
        onednn="absent",
        warmup=2,
        min_time_s=0.0,
        min_count=10,
        max_time_s=1.0,
        expected={"y": expected()},
    )
    return Launch(
        name=name,
        image=engine.prepare(variant(), IMAGE),
        argv=(),
        env={},
        files={"job.json": job.model_dump_json().encode()},
        results={"reply.json": 2**20},
        cpus=(0,),
        memory_bytes=2**30,
        pids=1,
        timeout_s=1,
    )


def test_its_answer_is_a_reply_that_agrees_with_the_label() -> None:
    engine = FakeEngine()
    reply = read_reply(engine.run(launch(engine))).reply
    assert reply is not None
    assert (reply.status, len(reply.samples_s), len(reply.warmup_s)) == ("ok", 10, 2)
    assert reply.outputs == {"y": expected().values}
    assert reply.evidence is not None
    assert reply.evidence.libraries[0].name == "openblas"


def test_equal_launches_have_equal_outcomes_and_others_differ() -> None:
    outcomes = []
    for name in ("a", "a", "b"):
        engine = FakeEngine()
        outcomes.append(engine.run(launch(engine, name)))
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_failures_are_scripted_by_name() -> None:
    engine = FakeEngine(failures={"bad*": End.OOM, "wrong*": "wrong"})
    assert engine.run(launch(engine, "bad one")).end is End.OOM
    reply = read_reply(engine.run(launch(engine, "wrong one"))).reply
    assert reply is not None
    assert reply.status == "wrong"
    assert engine.run(launch(engine, "good one")).end is End.OK


def test_automatic_choice_falls_back_visibly() -> None:
    chosen = choose_engine("auto", Site())
    assert chosen.engine.name == "local"
    assert "no container engine answers" in chosen.message
    assert "\n" not in chosen.message


def test_an_explicit_name_never_falls_back() -> None:
    with pytest.raises(NoEngineError):
        choose_engine("docker", Site())
    assert choose_engine("fake", Site()).message == ""


def test_an_unknown_engine_comes_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="'docker'"):
        make_engine("dokcer", Site())
