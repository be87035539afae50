"""What must something be able to do to run a trial?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.launch import Launch, Outcome
    from orchestrator.nouns.variant import Variant


class Engine(Protocol):
    """Three verbs. An engine runs a process under limits and knows nothing of benchmarks."""

    name: str

    def check(self) -> str:
        """Say in one line what answers (`docker 26.1.5, overlay2, 2 CPUs`); raises NoEngineError if nothing does."""

    def refuse(self, variant: Variant) -> str:
        """Why this engine cannot run this variant at all; empty where it can."""

    def prepare(self, variant: Variant, image: Image) -> str:
        """Make sure that what a launch of this image needs is there; returns the reference to launch it by.

        Raises BuildError when it is not there and this engine cannot make it.
        """

    def run(self, launch: Launch) -> Outcome:
        """Run one process to its end. Never raises for what the process did."""

    def interrupt(self) -> None:
        """End the run in progress, which then comes back as INTERRUPTED, as does every later one.

        A second call kills at once. Safe in a signal handler and from another thread.
        """

    def close(self) -> None:
        """Let go of connections. Nothing that `run` started is alive by then."""
