"""What is an image before it is built?"""

from __future__ import annotations

from orchestrator.nouns.base import Noun

Packages = dict[str, str]
"""`deb:libopenblas0-pthread` or `pip:numpy` -> its version: all that is installed in an image."""


class Image(Noun):
    """A rendered Dockerfile and its context; the tag holds a hash of both, so equal content is one image."""

    name: str
    """`bench/numpy-2.4.6-pip-openblas-cpu:0123456789ab`."""
    dockerfile: str
    context: dict[str, str]
    """File name -> text: the lock, and nothing else."""
    base: str
    digest: str
    """sha256 over the Dockerfile and the context, hex."""
    wheel_hashes: tuple[str, ...] = ()
    """sha256 of every file that the lock allows; the builder offers the site's wheels that match one of them."""
