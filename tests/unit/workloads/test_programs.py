"""Do the C++ programs make the same weights, bit for bit, and take samples by the same rules as Python's harness?"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.workloads.networks import ROOT, SEED, read_network
from workloads import timing, weights
from workloads.backends.base import Node

if TYPE_CHECKING:
    from pathlib import Path

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


def compiled(text: str, folder: Path) -> str:
    """The program's path; it is made by the flags of templates/programs/program.j2."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not here: the tests with an engine compile the programs in an image")
    (folder / "main.cpp").write_text(text)
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
