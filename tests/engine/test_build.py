"""Does a real engine build what is rendered, stop at what is wrong, and keep nothing of the site?"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from orchestrator import paths
from orchestrator.analysis.packages import compare_packages
from orchestrator.builder.build import build_images
from orchestrator.builder.engine import find_present, remove_image
from orchestrator.builder.events import Built, Event, Stage
from orchestrator.builder.lock import lock_paths
from orchestrator.builder.process import Builds
from orchestrator.builder.sbom import ASK, list_packages, read_packages
from orchestrator.catalog.rows import read_variants
from orchestrator.errors import BuildError, NoEngineError
from orchestrator.host.site import read_config
from orchestrator.nouns.image import Image
from orchestrator.nouns.site import Site
from orchestrator.nouns.variant import Blas, Install, Variant
from orchestrator.render.image import render_image
from orchestrator.render.locks import HEADER
from tests.command import Bench

pytestmark = pytest.mark.engine

MARK = uuid.uuid4().hex[:12]
"""Of this run: layers of an earlier one must not answer for it."""
VERSION = "3.8.0"
TINY = Variant(
    framework="threadpoolctl",
    version=VERSION,
    install=Install.PIP,
    blas=Blas.OPENBLAS,
    python="3.11",
    base="python:3.11-slim-bookworm",
    backend="none",
    pip=(f"threadpoolctl=={VERSION}+site",),
)


@pytest.fixture(autouse=True)
def engine() -> None:
    try:
        find_present([f"bench/none:{MARK}"])
    except NoEngineError as error:
        if os.environ.get("BENCH_REQUIRE_ENGINE"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def engine_bench(tmp_path: Path) -> Bench:
    """The command line with the engine of this machine."""
    made = Bench(tmp_path)
    made.env |= {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}
    return made


@pytest.fixture
def made() -> Iterator[list[str]]:
    names: list[str] = []
    yield names
    if names:
        subprocess.run(["docker", "image", "rm", "--force", *names], capture_output=True, check=False)


def image(name: str, *runs: str) -> Image:
    text = "\n".join(["FROM debian:bookworm-slim", f"RUN echo {MARK} {name}", *(f"RUN {run}" for run in runs), ""])
    digest = hashlib.sha256(text.encode()).hexdigest()
    tag = f"bench/test-{name}:{digest[:12]}"
    return Image(name=tag, dockerfile=text, context={}, base="debian:bookworm-slim", digest=digest)


def build(
    images: list[Image], logs: Path, made: list[str], site: Site | None = None
) -> tuple[list[Built], list[Event]]:
    made += [image.name for image in images]
    heard: list[Event] = []
    return build_images(images, site or Site(), jobs=2, on_event=heard.append, logs=logs), heard


def wheel(folder: Path) -> str:
    """A wheel that no index has: threadpoolctl with a local version; returns its sha256."""
    info = f"threadpoolctl-{VERSION}+site.dist-info"
    path = folder / f"threadpoolctl-{VERSION}+site-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("threadpoolctl.py", f"MARK = {MARK!r}\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: threadpoolctl\nVersion: {VERSION}+site\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", f"threadpoolctl.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def render(folder: Path, sha256: str) -> Image:
    """The tiny row, with the real templates and a lock that allows one file."""
    shutil.copytree(paths.images_dir() / "templates", folder / "templates")
    lock = lock_paths(TINY, folder / "locks")[0]
    lock.parent.mkdir()
    lock.write_text(f"{HEADER}\nthreadpoolctl=={VERSION}+site --hash=sha256:{sha256}\n")
    return render_image(TINY, folder)


def test_what_is_built_once_is_not_built_again(tmp_path: Path, made: list[str]) -> None:
    one = image("once")
    (built,), events = build([one, one], tmp_path, made)
    assert built.status is Stage.DONE and built.size_bytes and built.image_id.startswith("sha256:")
    assert built.log and "exporting to image" in built.log.read_text()
    assert events[0].stage is Stage.QUEUED and Stage.STEP in {event.stage for event in events}
    begun = monotonic()
    (again,), events = build([one], tmp_path / "again", made)
    assert monotonic() - begun < 3.0
    assert (again.status, again.log, again.image_id) == (Stage.PRESENT, None, built.image_id)
    assert [event.stage for event in events] == [Stage.PRESENT]


def test_one_that_fails_is_a_value_with_its_log_and_the_others_go_on(tmp_path: Path, made: list[str]) -> None:
    bad, good = image("bad", "echo it-went-wrong-here >&2; exit 7"), image("good")
    results, events = build([bad, good], tmp_path, made)
    assert [(built.image, built.status) for built in results] == [(bad.name, Stage.FAILED), (good.name, Stage.DONE)]
    assert "it-went-wrong-here" in results[0].reason and str(results[0].log) in results[0].reason
    assert any(event.stage is Stage.FAILED and "it-went-wrong-here" in event.text for event in events)


def test_one_that_takes_too_long_is_stopped(tmp_path: Path, made: list[str]) -> None:
    begun = monotonic()
    (built,), _ = build([image("slow", "sleep 300")], tmp_path, made, Site(build_timeout_s=4))
    assert not built.ok and "took longer than 4 s" in built.reason
    assert monotonic() - begun < 60


def test_ctrl_c_ends_every_build(tmp_path: Path) -> None:
    slow = [image(f"stop{n}", "sleep 300") for n in range(2)]
    asleep: set[str] = set()

    def interrupt(event: Event) -> None:
        if "sleep" in event.text:
            asleep.add(event.image)
        if len(asleep) == 2:
            raise KeyboardInterrupt

    begun = monotonic()
    with pytest.raises(KeyboardInterrupt):
        build_images(slow, Site(), jobs=2, on_event=interrupt, logs=tmp_path)
    assert monotonic() - begun < 60
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if slow[0].name in _read(path)]
    assert not left


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_no_engine_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(NoEngineError, match="no engine answers"):
        build([image("nowhere")], tmp_path, [])


def test_a_wheel_of_the_site_is_used_and_nothing_of_the_site_stays(tmp_path: Path, made: list[str]) -> None:
    canary = f"canary{uuid.uuid4().hex}"
    trusted = read_config().site.certificate or Path(
        os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    )
    certificate = tmp_path / "ca.pem"
    certificate.write_text(f"{trusted.read_text()}\n# {canary}\n")
    site = Site(
        wheel_folders=(tmp_path / "wheels",),
        certificate=certificate,
        extra_index_urls=(f"http://user:{canary}@127.0.0.1:9/simple",),
    )
    tiny = render(tmp_path / "images", wheel(tmp_path / "wheels"))
    (built,), _ = build([tiny], tmp_path / "logs", made, site)
    assert built.ok, built.reason
    said = subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--network=none",
            tiny.name,
            "python3",
            "-c",
            "import threadpoolctl as t; print(t.MARK)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == MARK
    for argv in (["image", "inspect"], ["history", "--no-trunc"]):
        text = subprocess.run(["docker", *argv, tiny.name], capture_output=True, text=True, check=True).stdout
        assert canary not in text and str(tmp_path) not in text
    assert built.log and canary not in built.log.read_text()
    assert not _saved_image_holds(tiny.name, canary.encode())
    assert _saved_image_holds(tiny.name, MARK.encode()), "the search itself must be able to find something"


def _saved_image_holds(name: str, needle: bytes) -> bool:
    with subprocess.Popen(["docker", "save", name], stdout=subprocess.PIPE) as process:
        assert process.stdout
        kept, found = b"", False
        while chunk := process.stdout.read(1 << 20):
            found = found or needle in kept + chunk
            kept = chunk[-len(needle) :]
    assert process.returncode == 0
    return found


def test_a_changed_hash_in_a_lock_fails_the_build(tmp_path: Path, made: list[str]) -> None:
    right = wheel(tmp_path / "wheels")
    tiny = render(tmp_path / "images", right)
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    # The wheel is offered all the same: it is pip that must refuse it.
    changed = tiny.model_copy(
        update={"context": {name: text.replace(right, wrong) for name, text in tiny.context.items()}}
    )
    (built,), _ = build([changed], tmp_path / "logs", made, Site(wheel_folders=(tmp_path / "wheels",)))
    assert not built.ok
    assert built.log and re.search("DO NOT MATCH THE HASHES", built.log.read_text())
    said = (
        f"{tiny.name}: package threadpoolctl=={VERSION}+site: its hash changed: expected sha256 {wrong}, found {right}"
    )
    assert said in built.reason


def test_a_package_that_vanished_is_named_with_what_was_expected_and_found(tmp_path: Path, made: list[str]) -> None:
    tiny = render(tmp_path / "images", wheel(tmp_path / "wheels"))
    (built,), _ = build([tiny], tmp_path / "logs", made, read_config(pip={}).site)  # the folder with the wheel has gone
    assert not built.ok
    assert f"{tiny.name}: package threadpoolctl: expected version {VERSION}+site, found " in built.reason
    assert "gone from the index" in built.reason


def test_a_base_image_without_the_interpreter_is_named(tmp_path: Path, made: list[str]) -> None:
    tiny = render(tmp_path / "images", wheel(tmp_path / "wheels"))
    for base, found in (("debian:bookworm-slim", "none"), ("python:3.6-slim-bookworm", "3.6")):
        text = tiny.dockerfile.replace("FROM python:3.11-slim-bookworm", f"FROM {base}")
        other = tiny.model_copy(update={"dockerfile": text, "name": f"bench/test-base{len(found)}:{MARK}"})
        (built,), _ = build([other], tmp_path / "logs", made, Site(wheel_folders=(tmp_path / "wheels",)))
        assert not built.ok
        assert f"interpreter: expected Python 3.11, the base has {found}" in built.reason


def test_images_that_no_row_names_are_removed_and_the_others_stay(
    engine_bench: Bench, tmp_path: Path, made: list[str]
) -> None:
    """The catalogue is one row, built under two locks: the older image is what nobody names any more."""
    wheels, folder = tmp_path / "wheels", tmp_path / "images"
    old = render(folder, wheel(wheels))
    (folder / "variants").mkdir()
    (folder / "variants" / "threadpoolctl.toml").write_text(ROW)
    lock = next((folder / "locks").glob("*.txt"))
    new = old.model_copy(update={"name": f"{old.name[:-12]}{'0' * 12}"})
    results, _ = build([old, new], tmp_path / "logs", made, Site(wheel_folders=(wheels,)))
    assert all(built.ok for built in results)
    env = {"BENCH_IMAGES": str(folder)}
    # Other images of this engine belong to other catalogues: only what is said is looked at, nothing is removed.
    said = engine_bench("gc", "--dry-run", env=env)
    assert said.code == 0, said.err
    assert new.name in said.err and old.name not in said.err
    assert set(find_present([old.name, new.name])) == {old.name, new.name}
    assert remove_image(new.name) == "" and set(find_present([old.name, new.name])) == {old.name}
    lock.unlink()
    said = engine_bench("gc", env=env)
    assert said.code == 8 and "nothing was removed" in said.err, "a row without a name would lose its image"


ROW = f"""[[variant]]
framework = "threadpoolctl"
backend = "none"
version = "{VERSION}"
install = "pip"
blas = "openblas"
python = "3.11"
base = "python:3.11-slim-bookworm"
pip = ["threadpoolctl=={VERSION}+site"]
"""


def test_the_packages_of_an_image_come_from_both_package_managers(tmp_path: Path, made: list[str]) -> None:
    tiny = render(tmp_path / "images", wheel(tmp_path / "wheels"))
    (built,), _ = build([tiny], tmp_path / "logs", made, Site(wheel_folders=(tmp_path / "wheels",)))
    assert built.ok, built.reason
    found = list_packages(tiny.name, tmp_path / "sboms")
    assert found["pip:threadpoolctl"] == f"{VERSION}+site"
    assert found["deb:libc6"].startswith("2.36")
    assert list_packages(tiny.name, tmp_path / "sboms") == found
    assert len(list((tmp_path / "sboms").iterdir())) == 1, "the second answer is the first one's"
    assert compare_packages(found, found | {"pip:other": "1"}) == [("pip:other", "", "1")]


def test_an_image_that_is_built_again_without_a_cache_has_the_same_packages(
    tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny = render(tmp_path / "images", wheel(tmp_path / "wheels"))
    write = Builds._write_context

    def without_cache(self: Builds, image: Image, folder: Path) -> list[str]:
        argv = write(self, image, folder)
        return [*argv[:3], "--no-cache", *argv[3:]]

    monkeypatch.setattr(Builds, "_write_context", without_cache)
    found = {}
    for _ in range(2):
        (built,), _ = build([tiny], tmp_path / "logs", made, Site(wheel_folders=(tmp_path / "wheels",)))
        assert built.status is Stage.DONE, built.reason
        kept = tmp_path / "cache" / "bench" / "sboms" / f"{built.image_id.removeprefix('sha256:')}.json"
        found[built.image_id] = kept.read_text()  # written by the build itself
        assert not remove_image(tiny.name)
    assert len(found) == 2, "two builds, and no layer of the first in the second"
    one, two = found.values()
    assert one == two and len(json.loads(one)) > 80


def test_an_image_that_floods_or_lies_is_asked_in_vain(
    tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = find_present(["python:3.11-slim-bookworm"])["python:3.11-slim-bookworm"].image_id
    for code, why in (
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "more than"),
        ('print(\'[["deb:x", "$(id)"]]\')', "is no package"),
        ("open('/x', 'w')", "left with 1"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 2)", "left with 1"),
        ("import os; os.setuid(0)", "left with 1"),
    ):
        monkeypatch.setattr("orchestrator.builder.sbom.ASK", code)
        with pytest.raises(BuildError, match=why):
            read_packages(base, tmp_path / "sboms")
    monkeypatch.setattr("orchestrator.builder.sbom.ASK", ASK)
    assert read_packages(base, tmp_path / "sboms")["deb:libc6"].startswith("2.36")
    left = ["docker", "ps", "--all", "--quiet", "--filter", "name=bench-sbom"]
    assert subprocess.run(left, capture_output=True, text=True, check=True).stdout == ""


def test_a_row_whose_provider_is_not_the_one_it_claims_fails_in_its_build(tmp_path: Path, made: list[str]) -> None:
    row = next(row for row in read_variants().variants if row.id == "numpy-1.24.2-distro-atlas-cpu")
    honest = render_image(row)
    liar = honest.model_copy(
        update={
            "name": f"bench/test-liar:{MARK}",
            "dockerfile": honest.dockerfile.replace("        libatlas3-base", "        libblas3 liblapack3"),
        }
    )
    (built,), _ = build([liar], tmp_path, made, read_config().site)
    assert not built.ok and "blas/libblas.so.3 = /usr/lib/x86_64-linux-gnu/atlas/libblas.so.3" in built.reason
