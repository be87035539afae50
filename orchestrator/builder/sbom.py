"""What is installed in an image: which packages, from the distribution and from an index, in which versions?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from orchestrator import paths
from orchestrator.builder.engine import call_engine, find_present
from orchestrator.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

Packages = dict[str, str]
"""`deb:libopenblas0-pthread` or `pip:numpy` -> its version."""

# Both package managers are asked in the image itself: what they know is what was installed, whatever the row says.
ASK = (
    "dpkg-query --show --showformat='deb:${Package} ${Version}\\n' && "
    'python3 -c "import sys\n'
    "try: from importlib.metadata import distributions as d; f = [(x.metadata['Name'], x.version) for x in d()]\n"
    "except ImportError: import pkg_resources as p; f = [(x.project_name, x.version) for x in p.working_set]\n"
    "for name, version in f: print('pip:' + name.lower().replace('_', '-'), version)\""
)


class Difference(NamedTuple):
    """A package that two images do not share; an empty version where an image has none of it."""

    package: str
    left: str
    right: str


def list_packages(image: str, cache: Path | None = None) -> Packages:
    """Every package of an image that this engine holds, by its name; asked once per image id and kept in `cache`.

    Raises BuildError where the image is not there, or does not answer.
    """
    held = find_present([image]).get(image)
    if held is None:
        raise BuildError(f"{image} is not on this engine; `bench build` makes it")
    kept = (cache or paths.cache_dir() / "sboms") / f"{held.image_id.removeprefix('sha256:')}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    argv = ["docker", "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", held.image_id]
    done = call_engine([*argv, "sh", "-c", ASK])
    if done.returncode:
        raise BuildError(f"{image} does not say what is installed in it: {done.stderr.strip()[-300:]}")
    found = dict(line.split(" ", 1) for line in sorted(set(done.stdout.splitlines())) if " " in line)
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_suffix(".tmp")
    temporary.write_text(json.dumps(found, indent=0), encoding="utf-8")
    temporary.replace(kept)
    return found


def compare_packages(left: Packages, right: Packages) -> list[Difference]:
    """What is not the same in both, by name."""
    names = sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
    return [Difference(name, left.get(name, ""), right.get(name, "")) for name in names]
