"""What does a difference in the evidence mean for a time? Each sentence says only what was seen, or `may`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.evidence import differing
from orchestrator.analysis.rules import blas, work
from orchestrator.analysis.rules.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = (*work.RULES, *blas.RULES)
"""Other work before other kernels: the likeliest explanations of a time come first."""

# A fact -> the parts of a label that bring it along: where one of them differs, nobody is surprised.
_DECLARED = {
    "BLAS": ("framework", "version", "install", "blas"),
    "BLAS core": ("framework", "version", "install", "blas", "core"),
    "oneDNN": ("framework", "version", "install", "onednn"),
    "ISA used": ("framework", "version", "install"),
    "OpenMP": ("framework", "version", "install"),
    "framework": ("framework", "version", "install"),
    "numpy": ("framework", "version", "install", "python"),
    "python": ("framework", "install", "python"),
}
_WORDS = {"blas": "BLAS", "onednn": "oneDNN", "core": "kernel", "python": "Python", "install": "way of installing"}


def explain(reference: Mapping[str, str], candidate: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for every rule that holds of one of the sides, and of what differs beyond the labels.

    Takes what read_facts made of two builds; the likeliest explanations of a time come first.
    """
    names = frozenset(differing(reference, candidate))
    view = View(candidate, reference, "this build", "the reference")
    said = [
        rule.sentence(side)
        for rule in RULES
        if rule.about in names
        for side in (view, view.turned())
        if rule.holds(side)
    ]
    return tuple(dict.fromkeys((*said, *_undeclared(reference, candidate))))


def _undeclared(reference: Mapping[str, str], candidate: Mapping[str, str]) -> list[str]:
    """What differs although no part of the two labels says so: the time is then not of the label's difference alone."""
    labels = [
        name.removeprefix("label ")
        for name in reference
        if name.startswith("label ") and reference[name] != candidate.get(name)
    ]
    if not labels:
        return []
    found = [
        f"{name} {reference.get(name) or 'none'} -> {candidate.get(name) or 'none'}"
        for name in differing(reference, candidate)
        if name in _DECLARED and not set(labels) & set(_DECLARED[name])
    ]
    declared = " and ".join(_WORDS.get(name, name) for name in labels if name != "tag") or "tag"
    return [f"more than the {declared} differs: {', '.join(found)}"] if found else []
