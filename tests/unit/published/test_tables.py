"""Do the published numbers, their mistakes and their counterparts fit together, and is a misfit met with a message?"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from orchestrator import paths
from orchestrator.catalog.rows import read_variants
from orchestrator.catalog.work import parse_workload, read_networks
from orchestrator.errors import SpecError, UnknownNameError
from orchestrator.nouns.published import Kind, Number
from orchestrator.nouns.variant import AUTOGRAD
from orchestrator.published.cells import list_recreated, plan_cells
from orchestrator.published.first_calls import bound_calls, bound_number
from orchestrator.published.mistaken import FIRST_CALLS, RECREATIONS
from orchestrator.published.references import find_reference
from orchestrator.published.tables import choose, find_counterparts, find_mistakes, find_source, read_published
from tests.makers import variant
from tests.unit.published.makers import network

PUBLISHED = read_published()


def number(source: str, label: str, workload: str = "vgg16-infer-b1", hardware: str = "*") -> Number:
    (found,) = [
        each
        for each in PUBLISHED.numbers
        if (each.source, each.label, each.workload) == (source, label, workload) and hardware in {"*", each.hardware}
    ]
    return found


def reference(found: Number) -> str:
    other = find_reference(found, PUBLISHED.numbers, find_source(PUBLISHED, found))
    return other.label if other else ""


def codes(found: Number) -> list[str]:
    return [each.code for each in find_mistakes(PUBLISHED, found)]


def test_every_printed_number_is_there_once() -> None:
    assert Counter(each.source for each in PUBLISHED.numbers) == {
        "peisuke-2018": 30,
        "peisuke-2017": 28,
        "ilkarman": 80,
        "dl-benchmarks": 84,
        "keras-execution": 14,
    }
    places = Counter((each.table, each.label) for each in PUBLISHED.numbers)
    assert set(places.values()) == {1}
    assert number("peisuke-2018", "mxnet 1.3.0 mkl").seconds == 0.11495
    assert number("dl-benchmarks", "caffe 2016", "alexnet-infer-b256").seconds == pytest.approx(0.0883)
    assert number("ilkarman", "pytorch 2018", "densenet121-train_synthetic", "1xV100 CUDA 9 cuDNN 7").seconds == 1500


def test_two_dates_in_one_table_are_seen_in_the_numbers_themselves() -> None:
    """P20: the rows that it names, and no others, are the same in both tables."""
    values: dict[tuple[str, str], dict[float, str]] = {each.table[:2]: {} for each in PUBLISHED.numbers}
    for each in PUBLISHED.numbers:
        values[each.table[:2]][each.value] = each.label
    for workload in ("vgg16-infer-b1", "mobilenet_v1-infer-b1"):
        old, new = values["peisuke-2017", workload], values["peisuke-2018", workload]
        same = {new[value] for value in old.keys() & new.keys()} - {"caffe 1.0 openblas"}
        named = {
            each.label
            for each in PUBLISHED.numbers
            if each.table[:2] == ("peisuke-2018", workload) and "P20" in codes(each)
        }
        assert same == named - {"caffe 1.0 openblas"}
        assert old[number("peisuke-2018", "caffe 1.0 atlas", workload).value] == "caffe 1.0 openblas", "P21"


@pytest.mark.parametrize(
    ("source", "label", "workload", "against"),
    [
        ("peisuke-2018", "caffe 1.0 atlas", "vgg16-infer-b1", "caffe 1.0 openblas"),
        ("peisuke-2018", "caffe 1.0 mkl", "vgg16-infer-b1", "caffe 1.0 openblas"),
        ("peisuke-2018", "caffe 1.0 openblas", "vgg16-infer-b1", "pytorch 0.4.1"),
        ("peisuke-2018", "caffe2 1.0 mkl", "vgg16-infer-b1", "caffe2 1.0"),
        ("peisuke-2018", "caffe2 1.0", "vgg16-infer-b1", "pytorch 0.4.1"),
        ("peisuke-2018", "tensorflow mkl 1.0", "mobilenet_v1-infer-b1", "tensorflow pip 1.10.1"),
        ("peisuke-2017", "chainer 2.1 numpy-mkl", "vgg16-infer-b1", "chainer 2.0"),
        ("peisuke-2018", "pytorch 0.4.1", "vgg16-infer-b1", ""),
        ("dl-benchmarks", "theano 2016", "imdb_lstm-infer-b16", "tensorflow 2016"),
        ("keras-execution", "keras c++", "mnist_cnn-single-sample", "tensorflow python"),
    ],
)
def test_a_row_is_held_against_the_row_that_the_rule_names(
    source: str, label: str, workload: str, against: str
) -> None:
    assert reference(number(source, label, workload)) == against


def test_every_row_but_the_baselines_has_a_reference_of_its_own_table() -> None:
    for each in PUBLISHED.numbers:
        source = find_source(PUBLISHED, each)
        other = find_reference(each, PUBLISHED.numbers, source)
        assert (other is None) == (each.label == source.baseline), each
        assert other is None or other.table == each.table


@pytest.mark.parametrize(
    ("source", "label", "workload", "found"),
    [
        ("peisuke-2018", "mxnet 1.3.0 mkl", "vgg16-infer-b1", "P1 P11 P15 P16 P18 P19 P22"),
        ("peisuke-2018", "tensorflow pip 1.10.1", "vgg16-infer-b1", "P4 P11 P14 P15 P16 P18 P19 P22"),
        ("peisuke-2018", "tensorflow pip 1.10.1", "mobilenet_v1-infer-b1", "P2 P3 P10 P14 P15 P16 P18 P19 P22"),
        ("peisuke-2018", "nnabla 0.9.5", "mobilenet_v1-infer-b1", "P1 P2 P6 P15 P16 P18 P19 P22"),
        ("peisuke-2018", "nnabla 0.9.5", "vgg16-infer-b1", "P1 P7 P15 P16 P18 P19 P22"),
        ("peisuke-2018", "caffe 1.0 openblas", "mobilenet_v1-infer-b1", "P1 P3 P15 P16 P18 P19 P20 P22"),
        ("peisuke-2017", "caffe 1.0 openblas", "vgg16-infer-b1", "P1 P15 P16 P18 P19 P21 P22"),
        ("peisuke-2018", "pytorch 0.4.1", "mobilenet_v1-infer-b1", "P1 P15 P16 P18 P19 P22"),
        ("dl-benchmarks", "neon 2016", "lenet-infer-b64", "B1 B3 B7 B8"),
    ],
)
def test_a_row_is_shown_with_the_mistakes_that_concern_it(source: str, label: str, workload: str, found: str) -> None:
    assert " ".join(codes(number(source, label, workload))) == found


def test_a_mistake_of_one_column_is_not_shown_beside_the_other() -> None:
    k80, p100 = "K80 CUDA 8 cuDNN 6", "P100 CUDA 8 cuDNN 6"
    assert "K9" in codes(number("ilkarman", "mxnet gluon 2018", "cifar_cnn-train-b64", p100))
    assert "K9" not in codes(number("ilkarman", "mxnet gluon 2018", "cifar_cnn-train-b64", k80))
    assert "K8" in codes(number("ilkarman", "pytorch 2018", "imdb_gru-train-b64", p100))


def test_every_row_has_two_builds_of_the_catalogue_beside_it_or_the_reason_why_not() -> None:
    modes = {row.id: row.modes for row in read_variants().variants}
    known, networks = set(modes), read_networks()
    for each in PUBLISHED.numbers:
        found = find_counterparts(PUBLISHED, each)
        assert found
        assert all(len(one.why) > 10 for one in found)
        if found[0].kind is Kind.NONE:
            assert len(found) == 1
            continue
        assert {one.candidate for one in found} | {one.reference for one in found} <= known
        for one in found:
            sides = zip((one.candidate, one.reference), one.modes or (), strict=False)
            assert all(mode in modes[name] for name, mode in sides)
            assert not one.workload or parse_workload(one.workload, networks)
    kinds = Counter(find_counterparts(PUBLISHED, each)[0].kind for each in PUBLISHED.numbers if each.device == "cpu")
    assert kinds[Kind.CLOSEST] == 56
    assert all(
        find_counterparts(PUBLISHED, each)[0].kind is Kind.NONE for each in PUBLISHED.numbers if each.device == "cuda"
    ), "our rows are of CPUs"


def test_the_mislabelled_row_is_shown_with_both_libraries_beside_it() -> None:
    found = find_counterparts(PUBLISHED, number("peisuke-2017", "caffe 1.0 mkl"))
    assert [each.reference for each in found] == [
        "caffe-1.0.0-source-openblas-cpu",
        "caffe-1.0.0-source-atlas-cpu",
    ]
    assert {each.candidate for each in found} == {"caffe-1.0.0-source-mkl-cpu"}


def test_the_first_call_is_bounded_by_mean_and_spread() -> None:
    """One outlier among 20: what the formula takes apart again is what was put together."""
    calls = [0.9] + [0.1] * 19
    mean = sum(calls) / 20
    sd = (sum((each - mean) ** 2 for each in calls) / 20) ** 0.5
    assert sd == pytest.approx(0.2179 * (0.9 - 0.1), rel=1e-3)
    assert bound_calls(mean, sd) == pytest.approx((0.9, 0.1))
    assert bound_calls(0.1, 10.0).others_s == 0.0
    found = bound_number(number("peisuke-2018", "mxnet 1.3.0 mkl"))
    assert found == pytest.approx((0.936, 0.0717), rel=1e-3)
    assert bound_number(number("ilkarman", "cntk 2018", "imdb_gru-train-b64", "P100 CUDA 8 cuDNN 6")) is None


def test_numbers_are_chosen_by_globs_and_a_glob_for_nothing_is_met_with_what_is_near() -> None:
    assert {each.source for each in choose(PUBLISHED, source="peisuke-*").numbers} == {"peisuke-2017", "peisuke-2018"}
    found = choose(PUBLISHED, workload="vgg*", framework="caffe*").numbers
    assert len(found) == 9
    with pytest.raises(UnknownNameError, match="peisuke-2018"):
        choose(PUBLISHED, source="peisuke-2019")
    with pytest.raises(UnknownNameError, match="vgg16-infer-b1"):
        choose(PUBLISHED, workload="vgg19-infer-b1")
    with pytest.raises(UnknownNameError, match="chainer"):
        choose(PUBLISHED, framework="chainr")


def test_every_mistake_is_made_again_or_says_why_not_and_every_recreation_is_of_a_mistake() -> None:
    named = [name for each in PUBLISHED.mistakes for name in each.recreated]
    assert sorted(named) == sorted([*RECREATIONS, FIRST_CALLS, AUTOGRAD])
    networks = {name: network(name) for name in ("vgg16", "mobilenet_v1")}
    made, left_out = list_recreated(PUBLISHED, networks, variant(framework="pytorch"))
    assert {each.code for each in PUBLISHED.mistakes} == {each.mistake.code for each in made} | left_out.keys()
    assert not {each.mistake.code for each in made} & left_out.keys()
    on_numpy, left_out = list_recreated(PUBLISHED, networks, variant())
    assert {each.name for each in made} - {each.name for each in on_numpy} == {AUTOGRAD}
    assert "numpy" in left_out["P12"]


def test_recreations_are_cells_beside_their_right_networks() -> None:
    networks = {name: network(name) for name in ("vgg16", "mobilenet_v1")}
    row = variant(framework="pytorch", modes=("default", "channels_last"))
    made, _ = list_recreated(PUBLISHED, networks, row, workload="vgg*")
    workloads, cells = plan_cells(made, row)
    ids = [cell.id.replace(row.id, "ID") for cell in cells]
    assert sorted(ids) == [
        "vgg16-infer-b1@ID:t1",
        "vgg16-infer-b1@ID:t1:autograd",
        "vgg16.no_fc_relu-infer-b1@ID:t1",
        "vgg16.scaled_input-infer-b1@ID:t1",
    ]
    assert {each.id for each in workloads} == {cell.workload for cell in cells}
    with pytest.raises(UnknownNameError, match="vgg16-infer-b1"):
        list_recreated(PUBLISHED, networks, row, workload="gemm-*")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("numbers.csv", "peisuke-2018,caffe,1.0 atlas,", "peisuke-2016,caffe,1.0 atlas,", "no source is called"),
        ("numbers.csv", "13.900894", "-1", "line 2: key value"),
        ("numbers.csv", ",13.900894", ",ten", "line 2: key value"),
        ("sources.toml", 'baseline = "pytorch 0.4.1"', 'baseline = "pytorch 0.4.2"', "called 'pytorch 0.4.2'"),
        ("sources.toml", 'baseline = "pytorch 0.4.1"', 'baseline = "nnabla 0.9.5"', "the rule holds the row against"),
        ("mistakes.toml", 'rows = ["nnabla/*/vgg16*"]', 'rows = ["nnabla/*/vgg61*"]', "P7: .*vgg61.* matches no"),
        ("mistakes.toml", 'code = "P2"', 'code = "P1"', "named twice: P1"),
        ("mistakes.toml", 'recreated = ["first-calls"]', "", "mistake 1"),
        ("mistakes.toml", 'kind = "clock"', 'knid = "clock"', "did you mean 'kind'"),
        ("counterparts.toml", 'row = "nnabla/*/*"', 'row = "nnabal/*/*"', "nnabla 0.9.5|nnabla/0.9.5.*not mapped"),
        ("counterparts.toml", 'against = "chainer 2.0"', 'against = "chainer 4.4.0"',
         "the rule holds .* against chainer 2.0"),
        ("counterparts.toml", 'candidate = "caffe-1.0.0-source-mkl-cpu"\n', "", "belong to every kind but none"),
        ("counterparts.toml", 'kind = "none"\n', 'kind = "none"\nworkload = "gemm-infer-b8"\n', "belong to every kind"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_together_are_refused(tmp_path: Path, file: str, old: str, new: str, words: str) -> None:
    folder = tmp_path / "published"
    shutil.copytree(paths.PACKAGE / "published", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    assert read_published(folder) == PUBLISHED
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(SpecError, match=words):
        read_published(folder)
