"""Which tables of README.md are made from the code? `python -m tests.readme_tables` writes them; a test compares."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

from orchestrator import errors
from orchestrator.nouns import record

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def exit_codes() -> str:
    """One line per error class; 0 is success."""
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.BenchError)]
    rows = [[str(each.exit_code), (each.__doc__ or "").strip().splitlines()[0]] for each in classes]
    return table(
        ["exit code", "meaning"], [["0", "It did what was asked."], *sorted(rows, key=lambda row: int(row[0]))]
    )


def statuses() -> str:
    """One line per status, with the sentence that stands below it in the code."""
    tree = ast.parse(Path(record.__file__).read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Status").body
    rows = []
    for name, doc in pairwise(body):
        if isinstance(name, ast.Assign) and isinstance(doc, ast.Expr):
            rows.append([f"`{ast.literal_eval(name.value)}`", " ".join(str(ast.literal_eval(doc.value)).split())])
    return table(["status", "when"], rows)


def operators() -> str:
    """Which backend has which ONNX operator: read from its source, so that no framework has to be installed."""
    made: dict[str, set[str]] = {}
    inherited: dict[str, set[str]] = {}
    for path in sorted((ROOT / "workloads" / "backends").glob("*.py")):
        if path.stem in {"__init__", "base"}:
            continue
        tree = ast.parse(path.read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assigned = [node.targets for node in ast.walk(tree) if isinstance(node, ast.Assign)]  # Conv = Relu = _same
        names |= {each.id for targets in assigned for each in targets if isinstance(each, ast.Name)}
        found = {name for name in names if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]*", name)}
        if found:
            made[path.stem] = found
        inherited[path.stem] = {
            (node.module or "").rpartition(".")[2]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and any(each.name == "Operators" for each in node.names)
        }
    shared = set().union(*inherited.values())
    made = {
        name: found.union(*(made[each] for each in inherited[name]))
        for name, found in made.items()
        if name not in shared
    }
    every = sorted(set().union(*made.values()))
    rows = [[f"`{name}`", *("yes" if op in found else "" for op in every)] for name, found in made.items()]
    return table(["backend", *every], rows)


TABLES = {"exit-codes": exit_codes, "statuses": statuses, "operators": operators}


def fill(text: str) -> str:
    """README's text with every marked table made anew."""
    for name, make in TABLES.items():
        pattern = re.compile(rf"(<!-- table:{name} -->\n).*?(<!-- /table -->)", re.DOTALL)
        text = pattern.sub(lambda match, make=make: f"{match[1]}{make()}\n{match[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(fill(README.read_text()))
