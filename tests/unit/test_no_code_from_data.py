"""Does a way lead from a file or an answer to code that runs: an eval, a pickle, a shell, an unpacked archive?"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path
    for folder in ("orchestrator", "workloads", "benchmarks", ".ci")
    for path in (ROOT / folder).rglob("*.py")
    if "_data" not in path.parts
)
CALLS = {
    *("eval", "exec", "compile", "__import__", "execfile", "os.system", "os.popen", "pty.spawn"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput", "yaml.load", "yaml.unsafe_load"),
    *("torch.load", "pandas.read_pickle", "pd.read_pickle", "numpy.lib.format.read_array", "runpy.run_path"),
    *("importlib.reload", "code.interact", "tempfile.mktemp"),
}
METHODS = {"extractall", "unpack_archive", "read_pickle", "to_pickle", "getoutput", "getstatusoutput"}
"""Whatever they are called on."""
MODULES = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "commands", "pty"}
ALLOWED = {"workloads/data/unpickle.py": {"pickle"}}
"""It reads pickles of published data sets, and calls nothing that they name: tests/unit/workloads/test_unpickle.py."""
SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "csh"}
FALSE = {"shell", "allow_pickle", "weights_only"}


def find_dangers(text: str) -> Iterator[str]:
    """Every call, import and argument that may run what it is given, as it is written."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from ({node.module.split(".")[0]} & MODULES) | (named & CALLS)
        elif isinstance(node, ast.List | ast.Tuple):
            yield from _shell(node)
        elif isinstance(node, ast.Call):
            yield from _call(node)


def _call(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    if called in CALLS or called.rpartition(".")[2] in METHODS:
        yield called
    for keyword in node.keywords:
        constant = isinstance(keyword.value, ast.Constant)
        harmless = keyword.arg == "weights_only"
        if keyword.arg in FALSE and not (constant and getattr(keyword.value, "value", None) is harmless):
            yield f"{called}({keyword.arg}=...)"


def _shell(node: ast.List | ast.Tuple) -> Iterator[str]:
    words = [each.value if isinstance(each, ast.Constant) else None for each in node.elts]
    for one, other in itertools.pairwise(words):
        if isinstance(one, str) and one.rpartition("/")[2] in SHELLS and isinstance(other, str) and "c" in other[:4]:
            yield f"{one} {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_evaluated_unpickled_unpacked_or_run_through_a_shell(path: Path) -> None:
    allowed = ALLOWED.get(str(path.relative_to(ROOT)), set())
    assert not set(find_dangers(path.read_text())) - allowed


def test_all_rooms_are_looked_through() -> None:
    rooms = {path.relative_to(ROOT).parts[0] for path in FILES}
    assert rooms == {"orchestrator", "workloads", "benchmarks", ".ci"} and len(FILES) > 300
    assert all((ROOT / name).is_file() for name in ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        *("eval(x)", "exec(x)", "compile(x, '', 'exec')", "__import__(x)", "os.system(x)", "os.popen(x)"),
        *("import pickle", "import pickle as p", "from pickle import loads", "import marshal", "import shelve"),
        *("import dill", "import joblib", "from joblib import load", "import cloudpickle", "import _pickle"),
        *("from os import system", "from subprocess import getoutput", "subprocess.getoutput(x)", "s.getoutput(x)"),
        *("tar.extractall(x)", "zipfile.ZipFile(x).extractall()", "shutil.unpack_archive(x)", "torch.load(x)"),
        *("np.load(x, allow_pickle=True)", "np.load(x, allow_pickle=y)", "pd.read_pickle(x)", "frame.to_pickle(x)"),
        *("subprocess.run(x, shell=True)", "subprocess.run(x, shell=y)", "yaml.load(x)", "load(x, weights_only=False)"),
        *(
            '["sh", "-c", x]',
            '("/bin/bash", "-c", x)',
            '[*a, "bash", "-lc", x]',
            '["docker", i, "sh", "-ec", x]',
        ),
    ],
)
def test_what_is_looked_for_is_found(text: str) -> None:
    assert list(find_dangers(text))


@pytest.mark.parametrize(
    "text",
    [
        *("net.eval()", "re.compile(x)", "json.load(x)", "np.load(x, allow_pickle=False)", "run(x, shell=False)"),
        *('["python3", "-c", x]', '["push", "-c"]', "from workloads.data import unpickle", "unpickle.load(x)"),
        *("tar.extractfile(x)", "import pickletools", "torch.compile(x)", '["sh", "file.sh"]'),
    ],
)
def test_what_only_sounds_like_it_is_let_through(text: str) -> None:
    assert not list(find_dangers(text))
