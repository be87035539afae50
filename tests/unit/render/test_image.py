"""Is a rendered Dockerfile what its row says, the same every time, and without anything of this place?"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import paths
from orchestrator.builder.failures import explain_failure
from orchestrator.catalog.rows import read_variants
from orchestrator.errors import LockError, SpecError
from orchestrator.nouns.image import Image
from orchestrator.nouns.variant import Variant
from orchestrator.render.image import render_image
from orchestrator.render.locks import HEADER, Asked, ask_build, ask_runtime, lock_name
from orchestrator.render.parse import parse_dockerfile
from orchestrator.render.rows import find_lock_problem, render_rows

ROWS = read_variants().variants


def row(name: str) -> Variant:
    return next(found for found in ROWS if found.id == name)


def prefix(image: Image) -> list[str]:
    return [f"{found.keyword} {found.arguments}" for found in parse_dockerfile(image.dockerfile)]


@pytest.mark.parametrize("variant", ROWS, ids=lambda variant: variant.id)
def test_every_row_can_be_rendered_and_twice_gives_the_same(variant: Variant) -> None:
    image = render_image(variant)
    assert image == render_image(variant)
    assert re.fullmatch(r"bench/[a-z0-9][a-z0-9._-]*:[0-9a-f]{12}", image.name)
    assert image.name.endswith(image.digest[:12])


@pytest.mark.parametrize("variant", ROWS, ids=lambda variant: variant.id)
def test_an_image_runs_as_nobody_and_says_what_it_is(variant: Variant) -> None:
    found = parse_dockerfile(render_image(variant).dockerfile)
    assert [item.arguments for item in found if item.keyword == "USER"] == ["65534:65534"]
    labels = next(item.arguments for item in found if item.keyword == "LABEL")
    for key in ("framework", "version", "install", "blas", "device", "python"):
        assert f'bench.{key}="{getattr(variant, key)}"' in labels
    assert not {"ENV", "ARG", "ADD", "COPY"} & {item.keyword for item in found}


@pytest.mark.parametrize("variant", ROWS, ids=lambda variant: variant.id)
def test_nothing_of_this_place_is_in_an_image(variant: Variant) -> None:
    image = render_image(variant)
    # An address of a framework's authors, where everybody finds it, and of nobody else.
    public = [f"'{archive.url}'" for archive in variant.recipe.archives] if variant.recipe else []
    public += [variant.source.git] if variant.source and variant.source.git else []
    for text in (image.dockerfile, *image.context.values()):
        for address in public:
            text = text.replace(address, "")  # noqa: PLW2901
        assert not re.search(r"https?://|file:|find-links /(?!run/wheels)|index-url", text)


def test_rows_that_differ_only_at_run_time_share_an_image() -> None:
    same = ["numpy-1.24.2-distro-openblas-cpu", "numpy-1.24.2-distro-openblas-coretype-haswell-cpu"]
    assert len({render_image(row(name)).name for name in same}) == 1
    same = ["pytorch-2.13.0-pip-mkl-cpu", "pytorch-2.13.0-pip-mkl-onednn-off-cpu"]
    assert len({render_image(row(name)).name for name in same}) == 1


def test_rows_on_one_provider_begin_with_the_same_layers() -> None:
    numpy = prefix(render_image(row("numpy-1.24.2-distro-blis-cpu")))
    torch = prefix(render_image(row("pytorch-1.13.1-distro-blis-onednn-off-cpu")))
    shared = numpy.index(next(line for line in numpy if line.endswith("python3-numpy")))
    assert numpy[: shared + 1] == torch[: shared + 1]


def test_one_compiled_wheel_carries_three_providers() -> None:
    images = [render_image(row(f"numpy-2.4.6-source-{blas}-cpu")) for blas in ("reference", "atlas", "blis")]
    stages = [image.dockerfile.split("FROM python:3.11-slim-bookworm\n")[0] for image in images]
    assert len(set(stages)) == 1 and "pip wheel" in stages[0]
    for file in ("build.txt", "sdist.txt"):
        assert len({image.context[file] for image in images}) == 1
    assert len({image.name for image in images}) == 3


def test_the_sdist_is_one_hashed_requirement_with_its_options() -> None:
    image = render_image(row("numpy-2.4.6-source-mkl-cpu"))
    assert image.context["sdist.txt"].startswith("numpy==2.4.6 \\\n    --hash=sha256:")
    assert "--config-settings=setup-args=-Dmkl-threading=iomp" in image.context["sdist.txt"]
    assert not re.search(r"^numpy==", image.context["build.txt"], re.MULTILINE)
    assert "grep -F libmkl_intel_thread.so" in image.dockerfile


def test_what_no_index_has_is_made_of_a_commit_and_what_makes_it_is_locked() -> None:
    variant = next(each for each in ROWS if each.source and each.source.git)
    image = render_image(variant)
    assert variant.source is not None
    assert image.context["sdist.txt"] == f"torch @ git+{variant.source.git}\n"
    assert "cmake==" in image.context["build.txt"]
    assert "torch" not in image.context["requirements.txt"]
    assert "pip wheel --no-cache-dir --no-deps --no-build-isolation \\\n        --wheel-dir /out" in image.dockerfile


def test_the_alternative_is_set_where_debian_does_not_choose_the_provider() -> None:
    lines = prefix(render_image(row("numpy-1.24.2-distro-mkl-cpu")))
    assert sum("update-alternatives --set" in line for line in lines) == 1
    assert any("Components: main contrib non-free" in line for line in lines)
    proof = next(line for line in lines if "readlink" in line)
    assert "= /usr/lib/x86_64-linux-gnu/libmkl_rt.so" in proof and "blas/libblas.so.3" in proof


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(paths.images_dir(), tmp_path / "images")
    yield tmp_path / "images"


PIP = "numpy-2.4.6-pip-openblas-cpu"


def test_a_row_without_its_lock_says_what_to_type(images: Path) -> None:
    changed = row(PIP).model_copy(update={"pip": ("numpy==2.4.6", "threadpoolctl==3.7.0")})
    with pytest.raises(LockError, match="bench lock"):
        render_image(changed, images)


def test_a_lock_older_than_its_row_names_the_row_and_what_was_expected_and_found(images: Path) -> None:
    changed = row(PIP).model_copy(update={"pip": ("numpy==2.4.6", "threadpoolctl==3.7.0")})
    rendered = render_rows([row("numpy-1.24.2-distro-atlas-cpu"), changed], images)
    assert list(rendered.images) == ["numpy-1.24.2-distro-atlas-cpu"], "the others go on"
    problem = rendered.problems[changed.id]
    assert problem.startswith(f"{PIP}: the lock is older than the row: expected threadpoolctl==3.7.0, found thr")
    assert "found threadpoolctl==3.8.0 in numpy-2.4.6-pip-py3.11-" in problem and "`bench lock`" in problem
    assert find_lock_problem(changed, images) == problem.removeprefix(f"{PIP}: ")
    assert find_lock_problem(row(PIP), images) == ""


MADE: dict[str, Any] = {
    "framework": "gast",
    "version": "0.2.2",
    "backend": "none",
    "install": "pip",
    "blas": "native",
    "python": "3.7",
    "base": "python:3.7-slim-bookworm",
    "pip": ("gast==0.2.2", "numpy<1.19"),
    "sdists": ("gast",),
    "build_pip": ("setuptools==59.8.0", "wheel==0.37.1"),
    "apt": ("libopenmpi3",),
    "links": {"libmpi.so.12": "libmpi.so.40"},
}


def write_lock(folder: Path, asked: Asked, *pins: str) -> None:
    path = folder / "locks" / lock_name(Variant(**MADE), asked)
    hashed = "".join(f"{pin} --hash=sha256:{'0' * 64}\n" for pin in pins)
    path.write_text(f"{HEADER}\n\n{hashed}")


def test_what_an_index_has_only_as_source_is_made_into_a_wheel_in_a_stage_of_its_own(images: Path) -> None:
    made = Variant(**MADE)
    write_lock(images, ask_runtime(made), "gast==0.2.2", "numpy==1.18.5")
    write_lock(images, ask_build(made), "setuptools==59.8.0", "wheel==0.37.1")
    image = render_image(made, images)
    assert {name: re.findall(r"^\S+==\S+", text, re.MULTILINE) for name, text in image.context.items()} == {
        "requirements.txt": ["numpy==1.18.5"],
        "sdist.txt": ["gast==0.2.2"],
        "build.txt": ["setuptools==59.8.0", "wheel==0.37.1"],
    }
    first, second = image.dockerfile.split(" AS build\n")[1].split("FROM python:3.7-slim-bookworm\n")
    assert "pip wheel" in first and "--no-build-isolation --require-hashes" in first and "pip wheel" not in second
    assert second.index("/run/requirements.txt") < second.index("/run/out/*.whl") < second.index("pip check")
    assert "ln -s libmpi.so.40 /usr/lib/x86_64-linux-gnu/libmpi.so.12" in second and "test -e" in second
    # What is locked to its source is another question than what is locked to a wheel.
    wheels = Variant(**MADE | {"sdists": (), "build_pip": ()})
    assert lock_name(made, ask_runtime(made)) != lock_name(wheels, ask_runtime(wheels))


def test_an_image_says_which_interpreter_its_base_lacks() -> None:
    text = render_image(row(PIP)).dockerfile
    assert "bench: interpreter: expected Python 3.11, the base has" in text


def test_the_name_of_an_image_changes_with_a_hash_in_its_lock(images: Path) -> None:
    before = render_image(row(PIP), images)
    lock = next((images / "locks").glob("numpy-2.4.6-pip-*.txt"))
    lock.write_text(lock.read_text().replace("sha256:0", "sha256:1", 1))
    assert render_image(row(PIP), images).name != before.name


@pytest.mark.parametrize(
    "line",
    [
        "numpy==2.4.6",
        "numpy==2.4.6 --hash=md5:00",
        "--index-url http://e",
        "numpy @ http://e/x.whl",
        "numpy==2.4.6 --hash=sha256:" + "0" * 64 + " --index-url=http://e",
        "-r other.txt",
    ],
)
def test_a_lock_holds_pins_with_hashes_and_nothing_else(images: Path, line: str) -> None:
    lock = next((images / "locks").glob("numpy-2.4.6-pip-*.txt"))
    lock.write_text(lock.read_text() + line + "\n")
    with pytest.raises(LockError, match="not `name==version"):
        render_image(row(PIP), images)


@pytest.mark.parametrize("payload", ["1.0\nRUN x", "$(id)", "`id`", ";", "\\", "<<E", "# syntax=evil", "{{7*7}}"])
def test_a_row_made_by_hand_is_refused_before_a_template_sees_it(payload: str) -> None:
    with pytest.raises(SpecError, match="is not allowed"):
        render_image(row("numpy-1.24.2-distro-atlas-cpu").model_copy(update={"apt": (payload,)}))


def test_the_templates_insert_no_variable_that_is_not_there(images: Path) -> None:
    from jinja2 import UndefinedError

    template = images / "templates" / "distro.j2"
    template.write_text(template.read_text() + "{{ row.nothing }}")
    base = images / "templates" / "base.j2"
    base.write_text(base.read_text().replace("{{ row.python }}", "{{ row.pyhton }}"))
    with pytest.raises(UndefinedError):
        render_image(row("numpy-1.24.2-distro-atlas-cpu"), images)


CAFFE = [f"caffe-1.0.0-source-{blas}-cpu" for blas in ("reference", "atlas", "openblas", "blis", "mkl")]


def test_one_compiled_caffe_carries_five_providers() -> None:
    images = [render_image(row(name)) for name in CAFFE]
    stages = [image.dockerfile.split("FROM debian:bookworm-slim\n")[0] for image in images]
    assert len(set(stages)) == 1 and "make --jobs" in stages[0]
    assert len({image.name for image in images}) == 5
    assert all(
        image.context["sdist.txt"].startswith("brocolli-caffe==9.0.2 \\\n    --hash=sha256:") for image in images
    )


def test_the_source_comes_before_what_takes_long() -> None:
    for name in (CAFFE[0], "torch7-7.0-source-openblas-cpu"):
        lines = [line for line in prefix(render_image(row(name))) if line.startswith("RUN")]
        fetching = next(n for n, line in enumerate(lines) if "/archives" in line)
        compiling = next(n for n, line in enumerate(lines) if "/src" in line)
        assert fetching < compiling and "g++" in lines[fetching + 1]


def test_a_file_of_the_site_may_stand_for_an_archive_whose_hash_it_has() -> None:
    torch7 = row("torch7-7.0-source-openblas-cpu")
    recipe = torch7.recipe
    assert recipe is not None and render_image(torch7).wheel_hashes == ()
    archives = tuple(each.model_copy(update={"sha256": "0" * 64}) for each in recipe.archives)
    image = render_image(torch7.model_copy(update={"recipe": recipe.model_copy(update={"archives": archives})}))
    assert image.wheel_hashes == ("0" * 64,)
    assert f"fetch 'nn.tar.gz' '{archives[-1].url}' '{'0' * 64}'" in image.dockerfile


FETCH = re.compile(r"    fetch\(\) \{ \\\n.*?\n    \}; \\\n", re.DOTALL)


def run_fetch(folder: Path, sha256: str, url: str) -> tuple[int, list[str]]:
    """Run the function of a rendered Dockerfile by itself, over `folder`/wheels and `folder`/archives."""
    found = FETCH.search(render_image(row("torch7-7.0-source-openblas-cpu")).dockerfile)
    assert found is not None
    script = found[0].replace("/run/wheels", f"{folder}/wheels").replace("/archives", f"{folder}/archives")
    (folder / "wheels").mkdir(exist_ok=True)
    (folder / "archives").mkdir(exist_ok=True)
    command = f"ca=(); {script} fetch nn.tar.gz '{url}' '{sha256}'"
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.splitlines()


def test_an_archive_comes_from_the_site_or_from_its_authors_and_only_with_its_hash(tmp_path: Path) -> None:
    upstream = tmp_path / "upstream.tar.gz"
    upstream.write_bytes(b"what they released")
    digest = hashlib.sha256(b"what they released").hexdigest()
    url = upstream.as_uri()
    assert run_fetch(tmp_path, digest, url) == (0, [])
    assert (tmp_path / "archives" / "nn.tar.gz").read_bytes() == b"what they released"
    upstream.unlink()
    code, said = run_fetch(tmp_path, digest, url)
    assert code == 1
    assert f"nn.tar.gz of torch7 7.0: expected sha256 {digest}, found no file with it" in explain_failure("x", said)
    assert f"{url} cannot be fetched" in explain_failure("x", said)
    (tmp_path / "wheels" / "any-name.tar.gz").write_bytes(b"what they released")
    assert run_fetch(tmp_path, digest, url) == (0, [])


def test_an_archive_with_another_hash_or_none_is_refused_with_both_numbers(tmp_path: Path) -> None:
    upstream = tmp_path / "upstream.tar.gz"
    upstream.write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    code, said = run_fetch(tmp_path, "0" * 64, upstream.as_uri())
    assert code == 1 and f"expected sha256 {'0' * 64}, found {found}" in explain_failure("x", said)
    code, said = run_fetch(tmp_path, "", upstream.as_uri())
    assert code == 1 and "nn.tar.gz of torch7 7.0: its row has no sha256" in explain_failure("x", said)


@pytest.mark.parametrize("variant", [found for found in ROWS if found.program], ids=lambda variant: variant.id)
def test_a_program_is_compiled_on_the_layers_of_the_row_without_it_and_leaves_no_compiler(variant: Variant) -> None:
    image, plain = render_image(variant), render_image(row(variant.id.replace("-cpp-", "-")))
    stages = image.dockerfile.split("\nFROM ")
    assert [stage.splitlines()[0] for stage in stages[2:]] == [
        f"{variant.base} AS framework",
        "framework AS build",
        "framework",
    ]
    layers = [item for item in parse_dockerfile("FROM " + stages[3]) if item.keyword == "RUN"]
    assert [item for item in parse_dockerfile(plain.dockerfile) if item.keyword == "RUN"] == [
        item for item in parse_dockerfile("FROM " + stages[2]) if item.keyword == "RUN"
    ]
    assert "g++" in layers[0].arguments
    assert "-march" not in image.dockerfile
    assert "apt-get" not in stages[4]
    assert set(image.context) == {
        "requirements.txt",
        f"{variant.program}.cpp",
        "harness.h",
        "process.h",
        "timing.h",
        "weights.h",
    }


def test_another_program_is_another_image(images: Path) -> None:
    variant = next(found for found in ROWS if found.program)
    before = render_image(variant, images).name
    header = images / "programs" / "timing.h"
    header.write_text(header.read_text() + "// changed\n")
    assert render_image(variant, images).name != before


def test_a_program_that_is_not_there_is_refused_by_its_name(images: Path) -> None:
    variant = next(found for found in ROWS if found.program).model_copy(update={"program": "nowhere"})
    with pytest.raises(SpecError, match=r"program: 'nowhere'.*has no nowhere\.cpp"):
        render_image(variant, images)
