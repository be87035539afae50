"""What is installed in an image: which packages, from the distribution and from an index, in which versions?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import uuid
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.builder.engine import call_engine, find_present
from orchestrator.builder.redact import PROXIES
from orchestrator.errors import BuildError, NoEngineError
from orchestrator.host.owner import this_process

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.nouns.image import Packages

# The image itself is asked, of what its two package managers have written down, whatever the row says. For Python 3.6.
ASK = r"""
import json
found = []
try:
    with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as file:
        entries = file.read().split("\n\n")
except FileNotFoundError:
    entries = []
for entry in entries:
    fields = dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and not line.startswith(" "))
    if fields.get("Status", "").endswith(" installed"):
        found.append(["deb:" + fields["Package"], fields["Version"]])
try:
    from importlib.metadata import distributions
    pip = [(each.metadata["Name"], each.version) for each in distributions()]
except ImportError:
    import pkg_resources
    pip = [(each.project_name, each.version) for each in pkg_resources.working_set]
found += [["pip:" + str(name), str(version)] for name, version in pip]
print(json.dumps(found))
"""
ASK_S = 60
"""After it the container ends itself, whoever has stopped waiting for it."""
CLOSED = (
    *("docker", "run", "--rm", "--pull=never", "--network=none", "--read-only", "--user=65534:65534"),
    *("--cap-drop=ALL", "--security-opt=no-new-privileges", "--ipc=private", "--pids-limit=64"),
    # Docker would hand the proxies of its configuration, with their passwords, to whatever the image is.
    *(f"--env={spelled}=" for name in PROXIES for spelled in (name, name.upper())),
    *("--memory=512m", "--memory-swap=512m", "--log-driver=none", "--ulimit=core=0"),
)
ANSWER_BYTES = 2**20
MOST_PACKAGES = 10_000
_PACKAGE = re.compile(r"(deb|pip):[A-Za-z0-9][A-Za-z0-9+._-]{0,127}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.:~_!-]{0,127}")
_IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")


def list_packages(image: str, cache: Path | None = None) -> Packages:
    """`read_packages` of an image by its name. Raises BuildError where it is not there, or does not answer."""
    held = find_present([image]).get(image)
    if held is None:
        raise BuildError(f"{image} is not on this engine; `bench build` makes it")
    return read_packages(held.image_id, cache)


def read_packages(image_id: str, cache: Path | None = None) -> Packages:
    """Every package of an image that this engine holds; asked once per image id and kept in `cache`.

    Raises BuildError where the image does not answer.
    """
    if not _IMAGE_ID.fullmatch(image_id):
        raise BuildError(f"{image_id!r} is no image id")
    kept = (cache or paths.cache_dir() / "sboms") / f"{image_id.removeprefix('sha256:')}.json"
    if (found := _read_kept(kept)) is not None:
        return found
    try:
        found = parse_packages(json.loads(_ask(image_id)))
    except ValueError as error:
        raise BuildError(f"{image_id[:19]} does not say what is installed in it: {error}") from error
    _keep(kept, found)
    return found


def parse_packages(listed: object) -> Packages:
    """Name -> version of a list of pairs, by name. It comes out of an image: raises ValueError for anything else."""
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_PACKAGES:
        raise ValueError(f"it should be a list of 1 to {MOST_PACKAGES} packages")
    found = {}
    for pair in listed:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
            raise ValueError("a package is a name and a version")
        name, version = pair
        if not _PACKAGE.fullmatch(name) or not _VERSION.fullmatch(version):
            raise ValueError(f"{name[:80]!r} {version[:80]!r} is no package")
        found[_canonical(name)] = version
    return dict(sorted(found.items()))


def _canonical(name: str) -> str:
    """As an index spells it: `pip:Jinja_2` is `pip:jinja-2` (packaging.python.org, name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower() if name.startswith("pip:") else name


def _ask(image_id: str) -> bytes:
    name = f"bench-sbom-{uuid.uuid4().hex[:16]}"
    # So that `reap` finds one which the engine made after whoever asked was gone.
    labels = {"bench": "1", "bench.owner": this_process().label, "bench.trial": f"packages of {image_id[:19]}"}
    argv = [*CLOSED, f"--name={name}", *(f"--label={key}={value}" for key, value in labels.items())]
    argv += ["--entrypoint=timeout", image_id, "-k", "2", str(ASK_S), "python3", "-c", ASK]
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except FileNotFoundError:
        raise NoEngineError("there is no `docker` on the PATH; install it, or use --engine local") from None
    timer = threading.Timer(2 * ASK_S, process.kill)  # an engine that has gone silent
    timer.daemon = True
    timer.start()
    whole = False
    try:
        answer = process.stdout.read(ANSWER_BYTES + 1) if process.stdout else b""
        whole = len(answer) <= ANSWER_BYTES
    finally:  # also where the user stops the run here
        timer.cancel()
        if not whole:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
        if process.returncode < 0:  # the client is gone, and its container is not yet
            call_engine(["docker", "rm", "--force", name])
    if len(answer) > ANSWER_BYTES:
        raise ValueError(f"its answer has more than {ANSWER_BYTES} bytes")
    if process.returncode:
        raise ValueError(f"it left with {process.returncode}")
    return answer


def _read_kept(path: Path) -> Packages | None:
    """None for one that is missing or torn: it is asked again."""
    try:
        return parse_packages([list(pair) for pair in json.loads(path.read_text(encoding="utf-8")).items()])
    except (OSError, ValueError, AttributeError):
        return None


def _keep(path: Path, packages: Packages) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(packages, indent=0), encoding="utf-8")
    temporary.replace(path)
