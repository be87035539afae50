"""Does the catalogue read what is right, and say exactly where a file is wrong?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.catalog.fields import PROVIDERS
from orchestrator.catalog.rows import Catalogue, read_variants
from orchestrator.errors import SpecError

ROW = {
    "version": '"2.4.6"',
    "install": '"pip"',
    "blas": '"openblas"',
    "base": '"python:3.11-slim-bookworm"',
    "pip": '["numpy==2.4.6"]',
}
DISTRO = {
    "version": '"1.24.2"',
    "install": '"distro"',
    "blas": '"openblas"',
    "base": '"debian:bookworm-slim"',
    "blas_apt": '["libopenblas0-pthread"]',
    "apt": '["python3-numpy"]',
}


def write(folder: Path, *rows: dict[str, str], more: str = "") -> Path:
    text = ['[defaults]\nframework = "numpy"\nbackend = "numpy_blas"\npython = "3.11"\n']
    text += ["[[variant]]\n" + "".join(f"{key} = {value}\n" for key, value in row.items()) for row in rows]
    (folder / "numpy.toml").write_text("\n".join([*text, more]))
    return folder


def read(folder: Path, *rows: dict[str, str], more: str = "") -> Catalogue:
    return read_variants(write(folder, *rows, more=more))


def test_a_row_is_the_defaults_with_its_own_keys_over_them(tmp_path: Path) -> None:
    found = read(tmp_path, ROW, ROW | {"tag": '"x"', "backend": '"other"'}).variants
    assert [row.id for row in found] == ["numpy-2.4.6-pip-openblas-cpu", "numpy-2.4.6-pip-openblas-x-cpu"]
    assert [row.backend for row in found] == ["numpy_blas", "other"]


def test_an_unknown_key_is_named_with_its_row_and_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        read(tmp_path, ROW, DISTRO | {"blass_apt": '["x"]'})
    assert "numpy.toml, row 2 (numpy-1.24.2-distro-openblas-cpu)" in str(error.value)
    assert "unknown key 'blass_apt'; did you mean 'blas_apt'?" in str(error.value)


def test_an_unknown_table_and_a_key_of_a_nested_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"unknown key 'variants'; did you mean 'variant'\?"):
        read(tmp_path, ROW, more='[[variants]]\nversion = "1"\n')
    recipe = '[variant.recipe]\nname = "x"\n[[variant.recipe.archives]]\nfile = "x"\nurk = "x"\n'
    with pytest.raises(SpecError, match=r"unknown key 'urk'; did you mean 'url'\?"):
        read(tmp_path, ROW, more=recipe)
    with pytest.raises(SpecError, match=r"unknown key 'setup_arg'; did you mean 'setup_args'\?"):
        read(tmp_path, ROW, more='[variant.source]\nrequirement = "numpy==2.4.6"\nsetup_arg = []\n')


def test_a_version_must_be_a_string_because_toml_reads_3_10_as_3_1(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"key python: 3\.1: .*in quotes"):
        read(tmp_path, ROW | {"python": "3.10"})


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="key blas is missing"):
        read(tmp_path, {key: value for key, value in ROW.items() if key != "blas"})


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"two rows are called numpy-2\.4\.6-pip-openblas-cpu"):
        read(tmp_path, ROW, ROW)


def test_a_file_that_is_no_toml_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "numpy.toml").write_text('[defaults]\nframework = "numpy\n')
    with pytest.raises(SpecError, match=r"numpy\.toml: cannot be read as TOML: .*line 2"):
        read_variants(tmp_path)


def test_a_folder_without_a_catalogue_is_an_error_and_not_an_empty_catalogue(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no catalogue here"):
        read_variants(tmp_path)


def test_a_row_stands_in_the_file_of_its_framework(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected 'numpy', as the file is called"):
        read(tmp_path, ROW | {"framework": '"pytorch"'})


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"version": '"9.9.9"'}, "version"),
        ({"base": '"python:3.12-slim-bookworm"'}, "base"),
        ({"base": '"debian:bookworm-slim"'}, "install"),
        ({"pip": "[]"}, "install"),
        ({"blas_apt": '["libatlas3-base"]'}, "blas"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(tmp_path: Path, changes: dict[str, str], key: str) -> None:
    with pytest.raises(SpecError, match=f"key {key}: "):
        read(tmp_path, ROW | changes)


def test_one_image_holds_one_provider(tmp_path: Path) -> None:
    both = '["libopenblas0-pthread", "libopenblas0-openmp"]'
    with pytest.raises(SpecError, match="one provider"):
        read(tmp_path, DISTRO | {"blas_apt": both})


def test_every_row_of_the_catalogue_is_sound_and_says_why_it_is_there() -> None:
    catalogue = read_variants()
    for row in catalogue.variants:
        assert len(row.why) > 40, row.id
        if row.core:
            assert row.env and row.cpu_flags, f"{row.id} forces a kernel: by which variable, and which CPU dies of it?"
    assert all(len(row.reason) > 20 for row in catalogue.absent)


def test_the_five_providers_differ_in_the_blas_and_in_nothing_else() -> None:
    rows = [row for row in read_variants().variants if row.framework == "pytorch" and row.install == "distro"]
    five = [row for row in rows if row.onednn == "off"]
    assert len({row.blas for row in five}) == len(five) == 5
    blas = {"blas", "blas_apt", "blas_alternative", "components", "env", "why"}
    assert len({repr(sorted(row.model_dump(exclude=blas).items())) for row in five}) == 1


def test_rows_of_debian_name_the_package_that_they_claim() -> None:
    for row in read_variants().variants:
        claimed = {PROVIDERS[name][0] for name in row.blas_apt if name in PROVIDERS}
        assert not row.blas_apt or row.blas in claimed, row.id
