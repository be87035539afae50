"""Are the networks, suites and expected outputs what the host's nouns say?"""

from __future__ import annotations

import math
import tomllib

import numpy as np
import pytest

from orchestrator.nouns.job import Expected
from orchestrator.nouns.workload import Method, Network, Suite
from tests import network_files
from tests.unit.workloads.networks import NETWORKS, ROOT, SEED, compute, read_network, thin, tiny_network
from workloads import expected as oracle
from workloads import weights
from workloads.backends import base

SUITES = sorted(path.stem for path in (ROOT / "workloads" / "suites").glob("*.toml"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_a_noun_whose_nodes_read_only_what_stands_before_them(name: str) -> None:
    network = Network.model_validate(read_network(name))
    assert network.name == name
    known = set(network.inputs)
    for node in network.nodes:
        assert set(node.inputs) - {""} <= known, node.name
        known.add(node.name)
    assert set(network.outputs) <= known
    assert network.compared in network.outputs
    gathers = base.integer_inputs([base.Node(data) for data in read_network(name)["nodes"]])
    assert set(network.integers) == gathers & set(network.inputs)


GPT_BLOCK = 4 * 769 * 768 + 769 * 3072 + 3073 * 768 + 4 * 768
"""Queries, keys, values and their join, two layers forward, two norms: BERT base's layer has as many."""


def test_a_block_of_gpt2_small_has_the_published_number_of_parameters() -> None:
    assert GPT_BLOCK == 7_087_872
    # 124,439,808 in Hugging Face's `gpt2`, with the tables of 50,257 tokens and 1,024 positions, and the last norm.
    assert 12 * GPT_BLOCK + (50_257 + 1_024 + 2) * 768 == 124_439_808


# Who published the count stands in the network's `source`. Each is added up here from the table of layers there.
@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("mnist_softmax", [784 * 10 + 10]),
        ("mnist_mlp", [785 * 1000, 1001 * 1000, 1001 * 10]),
        ("mnist_cnn", [26 * 32, (25 * 32 + 1) * 64, (49 * 64 + 1) * 1024, 1025 * 10]),
        ("lenet", [26 * 20, (25 * 20 + 1) * 50, 801 * 500, 501 * 10]),
        ("cifar_cnn", [28 * 50, 451 * 50, 451 * 100, 901 * 100, 6401 * 512, 513 * 10]),
        ("gpt_prefill", [2 * GPT_BLOCK]),
        ("gpt_decode", [2 * GPT_BLOCK]),
        ("bert_base", [(30_522 + 512 + 2 + 2) * 768, 12 * GPT_BLOCK, 769 * 768]),
        ("alexnet", [364 * 96, 2401 * 256, 2305 * 384, 3457 * 384, 3457 * 256, 9217 * 4096, 4097 * 4096, 4097 * 1000]),
        ("imdb_lstm", [10_000 * 128, 4 * (128 + 128 + 1) * 128, 129 * 2]),
        ("imdb_lstm_padded", [10_000 * 128, 4 * (128 + 128 + 1) * 128, 129 * 2]),
        ("imdb_gru", [3_750_000, 68_100, 202]),  # as Keras's summary in the notebook has them: CuDNNGRU, and
        ("imdb_gru_reset_before", [3_750_000, 67_800, 202]),  # its GRU
        ("lstm_256", [4 * (256 + 256 + 2) * 256]),
        ("lstm_512", [4 * (512 + 512 + 2) * 512]),
        ("lstm_1024", [4 * (1024 + 1024 + 2) * 1024]),
        ("lstm_cell", [4 * (512 + 512 + 2) * 512]),
    ],
)
def test_parameters_are_those_of_the_table_of_layers(name: str, layers: list[int]) -> None:
    assert read_network(name)["parameters"] == sum(layers)


def test_the_order_of_relu_and_pool_changes_the_work_and_not_the_values() -> None:
    outputs = [compute(read_network(name))["logits"] for name in ("cifar_cnn", "cifar_cnn_relu_first")]
    assert np.array_equal(*outputs)


@pytest.mark.parametrize("name", network_files.NETWORKS)
def test_a_network_that_is_written_by_a_script_is_what_the_script_writes(name: str) -> None:
    assert (ROOT / "workloads" / "networks" / f"{name}.json").read_text() == network_files.text(name)


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_a_noun_that_names_networks_that_exist(name: str) -> None:
    text = (ROOT / "workloads" / "suites" / f"{name}.toml").read_text()
    suite = Suite.model_validate(tomllib.loads(text))
    assert suite.name == name
    for workload in suite.workloads:
        assert workload.split("-")[0].split(".")[0] in NETWORKS
    assert suite.method.blocks >= 5


def test_the_default_suite_has_the_defaults_of_the_method() -> None:
    suite = Suite.model_validate(tomllib.loads((ROOT / "workloads" / "suites" / "default.toml").read_text()))
    assert suite.method == Method()


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 1024, 1025, 2048 * 2048, 64 * 1000])
def test_positions_are_distinct_sorted_and_spread_over_the_whole_tensor(size: int) -> None:
    at = oracle.positions(size)
    assert len(at) == len(set(at)) == min(size, 1024)
    assert at == sorted(at)
    assert at[0] >= 0
    assert at[-1] < size
    if size > 1024:
        assert max(np.diff(at)) < 3 * size / 1024
    if size == 2048 * 2048:
        assert len({index % 2048 for index in at}) > 700
        assert len({index // 2048 for index in at}) > 700


def test_the_expected_product_is_that_of_the_whole_matrices() -> None:
    network = read_network("gemm")
    network["inputs"] = {"a": [60, 50], "b": [50, 70]}
    wanted = Expected.model_validate(oracle.expected(network, 1, SEED)["product"])
    whole = compute(network)["product"].ravel()
    assert np.abs(whole[list(wanted.positions)] - wanted.values).max() < 1e-5 * wanted.spread


def test_expected_outputs_are_nouns_for_every_output_and_the_compared_one_is_first() -> None:
    wanted = oracle.expected(tiny_network(), 3, SEED)
    assert list(wanted) == ["logits", "prob"]
    for entry in wanted.values():
        noun = Expected.model_validate(entry)
        assert len(noun.positions) == 30
        assert noun.tolerance == 1e-3
        assert math.isfinite(noun.spread)
        assert noun.spread > 0


def test_the_lengths_of_a_batch_differ_and_none_is_the_whole() -> None:
    lengths = weights.make_inputs(read_network("imdb_lstm"), 16, SEED)["lengths"]
    assert len(set(lengths.tolist())) > 8
    assert lengths.min() >= 12
    assert lengths.max() < 100


def test_every_sample_of_a_batch_gets_its_own_output() -> None:
    network = thin(read_network("mobilenet_v1"), 8)
    wanted = oracle.expected(network, 2, SEED)["logits"]
    logits = compute(network, batch=2)["logits"]
    assert np.abs(logits[0] - logits[1]).max() > 0.01
    assert np.abs(logits.ravel()[wanted["positions"]] - wanted["values"]).max() < 1e-4 * wanted["spread"]


def test_the_signal_neither_dies_nor_grows_through_the_depth() -> None:
    for name, factor in (("vgg16", 16), ("mobilenet_v1", 8), ("resnet18", 8), ("resnet50", 16)):
        logits = compute(thin(read_network(name), factor))["logits"]
        assert 0.2 < logits.std() < 20, name
