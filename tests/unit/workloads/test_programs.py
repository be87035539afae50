"""Do the C++ programs make the same weights, bit for bit, and take samples by the same rules as Python's harness?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.workloads.networks import ROOT, SEED, read_network
from workloads import expected as oracle
from workloads import harness, program, timing, verify, weights
from workloads.backends import cpp
from workloads.backends.base import Node, Unsupported
from workloads.evidence import symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Execute = Callable[..., dict[str, Any]]

PROGRAMS = ROOT / "images" / "programs"

WEIGHTS = """\
#include <iostream>
#include <sstream>
#include "weights.h"
// A line each: seed, operator, node, weight, gain, shape; or seed, `input`, name, shape.
int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    int64_t seed, length;
    std::string op, node, key;
    double gain = 1;
    words >> seed >> op >> node;
    if (op != "input") words >> key >> gain;
    bench::Shape shape;
    while (words >> length) shape.push_back(length);
    std::vector<float> out(bench::count(shape));
    if (op == "input") bench::fill_input(out.data(), seed, node, shape);
    else bench::fill_weight(out.data(), seed, op, node, key, shape, gain);
    std::cout.write(reinterpret_cast<const char*>(out.data()), out.size() * sizeof(float));
  }
}
"""
TIMING = """\
#include <cstdlib>
#include <iostream>
#include "timing.h"
// warmup min_time min_count max_time durations...: a clock that only moves when the step says so.
int main(int argc, char** argv) {
  double now = 100;
  int steps = 0;
  auto step = [&] { now += std::atof(argv[std::min(5 + steps++, argc - 1)]); };
  auto clock = [&] { return now; };
  const bench::Rules rules{std::atoi(argv[1]), std::atof(argv[2]), size_t(std::atoi(argv[3])), std::atof(argv[4])};
  const bench::Timed found = bench::measure(step, rules, [](bool) {}, clock);
  std::cout.precision(17);
  std::cout << found.loops << '\\n' << found.wall_s << '\\n';
  for (double each : found.warmup_s) std::cout << each << ' ';
  std::cout << '\\n';
  for (double each : found.samples_s) std::cout << each << ' ';
}
"""


REGRESSION = """\
#include "harness.h"
// Flatten, Gemm and Softmax of any size, by loops.
class Regression final : public bench::Framework {
 public:
  int64_t build(const bench::Job& job) override {
    const bench::Node& gemm = job.nodes.at(1);
    if (job.nodes.size() != 3 || gemm.op != "Gemm") throw bench::Unsupported("no softmax regression");
    for (const char* key : {"B", "C"}) {
      const bench::Shape& shape = gemm.shapes.at(key);
      weights_.emplace_back(shape);
      bench::fill_weight(weights_.back().view().data, job.seed, gemm.op, gemm.name, key, shape, gemm.gain);
    }
    const int64_t batch = job.inputs.begin()->second.at(0), classes = gemm.shapes.at("C").at(0);
    for (int i = 0; i < 2; ++i) {
      outputs_.emplace_back(bench::Shape{batch, classes});
      views_.push_back(outputs_.back().view());
    }
    return bench::parameters(job);
  }
  void load(const std::vector<bench::View>& inputs) override { input_ = inputs.at(0); }
  void step() override {
    const bench::View w = weights_[0].view(), c = weights_[1].view();
    const int64_t classes = w.shape[0], length = w.shape[1];
    for (int64_t n = 0; n < views_[0].shape[0]; ++n) {
      float *logits = views_[0].data + n * classes, *prob = views_[1].data + n * classes, total = 0;
      for (int64_t i = 0; i < classes; ++i) {
        logits[i] = c.data[i];
        for (int64_t j = 0; j < length; ++j) logits[i] += w.data[i * length + j] * input_.data[n * length + j];
      }
      for (int64_t i = 0; i < classes; ++i) total += prob[i] = std::exp(logits[i]);
      for (int64_t i = 0; i < classes; ++i) prob[i] /= total;
    }
  }
  const std::vector<bench::View>& fetch() override { return views_; }
  bench::json describe() override {
    return {{"version", "1"}, {"build", "loops"}, {"pools", bench::json::object()}, {"precision", "float32"},
            {"device", "cpu"}, {"arithmetic", bench::json::object()}};
  }

 private:
  std::vector<bench::Tensor> weights_, outputs_;
  std::vector<bench::View> views_;
  bench::View input_;
};
int main(int argc, char** argv) {
  Regression framework;
  return bench::serve(argc, argv, framework);
}
"""


def compiled(text: str, folder: Path) -> str:
    """The program's path; it is made by the flags of templates/programs/program.j2."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not here: the tests with an engine compile the programs in an image")
    (folder / "main.cpp").write_text(text)
    if "harness.h" in text:
        asked = ["-E", "-x", "c++", "-include", "nlohmann/json.hpp", "/dev/null"]
        if subprocess.run([compiler, *asked], capture_output=True, check=False).returncode:
            pytest.skip("nlohmann-json3-dev is not here: the tests with an engine compile the programs in an image")
    command = [compiler, "-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{PROGRAMS}"]
    subprocess.run([*command, "-o", folder / "main", folder / "main.cpp"], check=True, timeout=120)
    return str(folder / "main")


@pytest.fixture(scope="module")
def make_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled(WEIGHTS, tmp_path_factory.mktemp("weights"))


def said(program: str, line: str) -> bytes:
    return subprocess.run([program], input=f"{line}\n".encode(), capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("network", ["mobilenet_v1", "mnist_cnn", "alexnet_lrn", "resnet18"])
def test_every_weight_is_the_same_bits(make_weights: str, network: str) -> None:
    for node in map(Node, read_network(network)["nodes"]):
        for key, array in weights.make_node(node, SEED).items():
            shape = " ".join(map(str, array.shape))
            line = f"{SEED} {node.op} {node.name} {key} {node.gain!r} {shape}"
            assert said(make_weights, line) == array.tobytes(), f"{node.name}.{key}"


def test_so_are_inputs_and_other_seeds(make_weights: str) -> None:
    network = read_network("lenet")
    for seed in (0, 1, -5, 2**40):
        for name, array in weights.make_inputs(network, 3, seed).items():
            shape = " ".join(map(str, array.shape))
            assert said(make_weights, f"{seed} input {name} {shape}") == array.tobytes()


def test_a_name_longer_than_a_block_of_the_hash_is_hashed_right(make_weights: str) -> None:
    for length in (40, 41, 42, 55, 56, 64, 100, 200):
        name = "n" * length
        array = weights.fill(np.empty(5, np.float32), SEED, f"input.{name}", halfwidth=3.0**0.5)
        assert said(make_weights, f"{SEED} input {name} 5") == array.tobytes()


@pytest.fixture(scope="module")
def take_samples(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled(TIMING, tmp_path_factory.mktemp("timing"))


@pytest.mark.parametrize(
    ("rules", "durations"),
    [
        ((2, 1.05, 3, 60.0), [0.1]),
        ((2, 1.0, 7, 60.0), [2.0]),
        ((2, 1.0, 50, 25.0), [10.0]),
        ((0, 1.0, 50, 25.0), [100.0]),
        ((2, 0.0, 3, 60.0), [5.0, 4.0, 1.0]),
        ((3, 0.5, 5, 60.0), [1e-3, 2e-4, 1e-5, 3e-6]),
        ((1, 0.02, 3, 60.0), [1e-9]),
        ((1, 100.0, 3, 200.0), [4e-3]),
    ],
)
def test_samples_are_taken_by_the_same_rules(
    take_samples: str, rules: tuple[int, float, int, float], durations: list[float]
) -> None:
    arguments = map(str, [*rules, *durations])
    done = subprocess.run([take_samples, *arguments], capture_output=True, check=True, timeout=60)
    lines = done.stdout.decode().split("\n")
    loops, wall_s, warmup_s, samples_s = (json.loads(f"[{','.join(line.split())}]") for line in lines)

    now, steps = 100.0, 0

    def step() -> None:
        nonlocal now, steps
        now += durations[min(steps, len(durations) - 1)]
        steps += 1

    job = dict(zip(("warmup", "min_time_s", "min_count", "max_time_s"), rules, strict=True))
    wanted = timing.measure(step, job, clock=lambda: now, cpu_clock=lambda: now)
    assert loops == [wanted.loops]
    assert wall_s == [wanted.wall_s]
    assert warmup_s == wanted.warmup_s
    assert samples_s == wanted.samples_s


class Backend(cpp.Backend):  # type: ignore[misc]
    """Of the program below."""

    name = "regression"


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled(REGRESSION, tmp_path_factory.mktemp("regression"))


@pytest.fixture
def execute(regression: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Execute]:
    """The harness with that program: mode, batch, region and what else a job says to what is found."""
    monkeypatch.setattr(program, "PATH", regression)
    monkeypatch.setattr(harness.importlib, "import_module", lambda _: sys.modules[__name__])
    monkeypatch.chdir(tmp_path)

    def run(mode: str, batch: int, **fields: Any) -> dict[str, Any]:
        network = read_network("mnist_softmax")
        job = {
            "backend": "regression",
            "network": network,
            "batch": batch,
            "mode": mode,
            "region": "end_to_end",
            "execution": "default",
            "dtype": "float32",
            "seed": SEED,
            "threads": 1,
            "onednn": "absent",
            "device": "cpu",
            "warmup": 1,
            "min_time_s": 0.02,
            "min_count": 3,
            "max_time_s": 5.0,
            "expected": oracle.expected(network, batch, SEED, mode),
        }
        answer: dict[str, Any] = {}
        harness.execute({**job, **fields}, answer, harness.Phases())
        return answer

    yield run
    symbols._elsewhere.clear()


@pytest.mark.parametrize(("mode", "batch"), [("infer", 1), ("infer", 7), ("single", 1), ("single", 7)])
@pytest.mark.parametrize("region", ["compute", "end_to_end"])
def test_a_program_answers_from_the_job_to_the_proof(execute: Execute, mode: str, batch: int, region: str) -> None:
    answer = execute(mode, batch, region=region)
    assert max(answer["errors"].values()) < 1e-5
    assert answer["parameters"] == 7850
    assert len(answer["samples_s"]) >= 3
    assert sum(answer["samples_s"]) * answer["loops"] <= answer["wall_s"]
    evidence = answer["evidence"]
    assert evidence["python"].startswith("none: C++17, g++ ")
    assert evidence["arithmetic"]["denormals"] == "kept"
    assert evidence["threads"]["process"] == 1


@pytest.mark.parametrize("mode", ["infer", "single"])
def test_a_program_with_other_weights_is_wrong(execute: Execute, mode: str) -> None:
    with pytest.raises(verify.Wrong, match="off by"):
        execute(mode, 3, seed=SEED + 1)


def test_a_network_that_it_lacks_is_unsupported(execute: Execute) -> None:
    with pytest.raises(Unsupported, match="no softmax regression"):
        execute("infer", 1, network=read_network("lenet"))
