"""What is a workload of the user's own?"""

from __future__ import annotations

from pydantic import Field

from orchestrator.nouns.base import Noun
from orchestrator.nouns.job import Expected, Scalar, Told


class Script(Noun):
    """A program that reads job.json and writes reply.json: `<name>.toml`, and the files beside it."""

    name: str
    title: str = ""
    argv: tuple[str, ...]
    """`python3` or `./<file>`, then what follows it on the command line."""
    files: dict[str, bytes]
    """Path in the working folder -> content."""
    arguments: dict[str, Scalar] = Field(default_factory=dict)
    """For job.json: they never stand on a command line."""
    expected: dict[str, Expected] = Field(default_factory=dict)
    """Output name -> what it must be, at every batch and seed; empty: nothing is proved of the output."""

    @property
    def told(self) -> Told:
        """What job.json says of it."""
        return Told(name=self.name, argv=self.argv, arguments=self.arguments)

    @property
    def executables(self) -> frozenset[str]:
        """The files that are started by themselves."""
        return frozenset(name for name in self.files if f"./{name}" == self.argv[0])
