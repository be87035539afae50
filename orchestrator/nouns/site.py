"""What does this place add to a build: wheels of its own, an index, a certificate, a limit on jobs?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from orchestrator.nouns.base import Noun


class Site(Noun):
    """Configuration of a place. It may change from where a file is fetched, never which file: locks hold hashes.

    Nothing of it enters a rendered Dockerfile, a layer, a label or a record.
    """

    wheel_folders: tuple[Path, ...] = ()
    """Folders with wheels that no index has; an image is offered those whose sha256 its lock allows."""
    index_url: str = ""
    """The index in place of pip's own default; empty: that default."""
    extra_index_urls: tuple[str, ...] = ()
    certificate: Path | None = None
    """PEM bundle that pip, apt and uv trust."""
    jobs: int = Field(default=2, ge=1)
    """Images that are built at once."""
    build_timeout_s: float = Field(default=7200.0, gt=0)
    """For one image; one that takes longer is stopped and reported as failed."""

    @property
    def reachable_indexes(self) -> tuple[str, ...]:
        """The extra indexes that a build can ask too: a folder of this machine is no address inside one."""
        return tuple(url for url in self.extra_index_urls if not url.startswith("file:"))

    @property
    def pip_configuration(self) -> str:
        """The text of a pip.conf that names the indexes; empty where the site names none."""
        lines = [f"index-url = {self.index_url}"] if self.index_url else []
        if self.reachable_indexes:
            lines.append("extra-index-url = " + " ".join(self.reachable_indexes))
        return "\n".join(["[global]", *lines, ""]) if lines else ""

    def uv_environment(self, extra: Iterable[str]) -> dict[str, str]:
        """uv's variables for the index and these others; options would show a password to all who list processes."""
        found = {"UV_DEFAULT_INDEX": self.index_url, "UV_INDEX": " ".join(extra)}
        return {name: value for name, value in found.items() if value}
