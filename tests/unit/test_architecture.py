"""Do the floors hold, are heavy libraries where they belong, and does only the command line print and exit?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "orchestrator"

FLOORS = {
    "cli": 6,
    "screen": 5,
    "report": 5,
    "runner": 4,
    "analysis": 4,
    "engines": 3,
    "builder": 3,
    "store": 3,
    "host": 3,
    "catalog": 2,
    "render": 2,
    "planner": 2,
    "published": 2,
    "stats": 2,
    "engine": 2,
    "nouns": 1,
    "errors": 0,
    "strict": 0,
    "paths": 0,
}
# Rooms of one floor that may not see each other would only be one more rule; a room may see its own floor's neighbours
# nowhere but where this table says so.
NEIGHBOURS = {
    ("render", "catalog"),
    ("published", "catalog"),  # its TOML is read, and refused, as the catalogue's is
    ("screen", "report"),
    ("engines", "host"),
    ("engines", "builder"),
    ("builder", "host"),
    ("runner", "analysis"),
}

HEAVY = {
    "docker": {"engines", "builder"},
    "pandas": {"store", "analysis", "report"},
    "pyarrow": {"store", "report"},
    "scipy": {"stats"},
    "jinja2": {"render", "report"},
    "rich": {"screen", "report", "cli"},
    "typer": {"cli"},
    "uv": {"builder", "engines"},
    "pynvml": {"host"},
}
FILES = sorted(path for path in HOST.rglob("*.py") if "_data" not in path.parts)


def room(path: Path) -> str:
    return path.relative_to(HOST).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOST)))
def test_a_file_imports_only_from_lower_floors(path: Path) -> None:
    own = room(path)
    if own in {"__init__", "__main__"}:
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "orchestrator" or len(parts) == 1:
            continue
        other = parts[1]
        allowed = other == own or FLOORS[other] < FLOORS[own] or (own, other) in NEIGHBOURS
        assert allowed, f"{path.relative_to(ROOT)} (floor {FLOORS[own]}) imports {name} (floor {FLOORS[other]})"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOST)))
def test_a_heavy_library_is_imported_in_few_named_rooms(path: Path) -> None:
    for name in imports(path):
        rooms = HEAVY.get(name.split(".")[0])
        assert rooms is None or room(path) in rooms, f"{path.relative_to(ROOT)} imports {name}"


def test_the_command_line_starts_without_a_heavy_library() -> None:
    """What `bench --help` imports at its start is typer and this package's own light files."""
    heavy = {"docker", "pandas", "pyarrow", "scipy", "jinja2", "numpy", "pydantic", "rich"}
    seen, waiting = set(), ["orchestrator.cli.app"]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        base = ROOT / Path(*module.split("."))
        path = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
        for node in _at_import(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
            for name in names:
                assert name.split(".")[0] not in heavy, f"{module} imports {name} at its start"
                target = ROOT / Path(*name.split("."))
                if name.startswith("orchestrator") and (target.is_dir() or target.with_suffix(".py").is_file()):
                    waiting.append(name)


def _at_import(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Imports that run when the module is imported: not those in functions or under TYPE_CHECKING."""
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOST)))
def test_only_the_command_line_ends_the_process_and_only_screen_and_cli_print(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"sys.exit", "exit", "quit"}:
                assert room(path) == "cli", f"{path.relative_to(ROOT)} calls {called}"
            if called == "print":
                assert room(path) in {"cli", "screen"}, f"{path.relative_to(ROOT)} prints"


def test_every_error_has_an_exit_code_of_its_own() -> None:
    from orchestrator import errors

    classes = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.BenchError)
    ]
    codes = [each.exit_code for each in classes]
    assert len(set(codes)) == len(codes)
    assert all(0 < code < 256 for code in codes)


@pytest.mark.parametrize("path", sorted((ROOT / "workloads").rglob("*.py")), ids=lambda path: path.name)
def test_what_runs_inside_an_image_is_written_for_python_3_6(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text, feature_version=(3, 6))
    missing = {"perf_counter_ns", "capture_output", "cached_property", "tomllib", "dataclasses"}
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name)
    }
    modules = {name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in (a.name for a in node.names)}
    assert "from __future__ import annotations" not in text
    assert not missing & (names | modules)
    assert not any(isinstance(node, ast.Attribute) and ast.unparse(node) == "math.prod" for node in ast.walk(tree))
