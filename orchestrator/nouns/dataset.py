"""What was found of the data sets in a user's folder?"""

from __future__ import annotations

from enum import StrEnum

from orchestrator.nouns.base import Noun


class DataStatus(StrEnum):
    """What is known of one file, from the best to the worst."""

    OK = "ok"
    """It can be read, and its bytes are the published ones."""
    UNVERIFIED = "unverified"
    """It can be read and nothing lacks; no published hash of it is known here."""
    ALTERED = "altered"
    """It can be read, and is not what was published."""
    MISSING = "missing"
    """It is not there, and others of its form are."""
    DAMAGED = "damaged"
    """It cannot be read as what its name says."""
    REFUSED = "refused"
    """It asks for something that no data set needs: to run code, to leave its folder, to fill the memory."""


class DataFile(Noun):
    """A file of a data set, or a folder of reviews, and what reading it said."""

    path: str
    """From the folder that was asked about."""
    status: DataStatus
    bytes: int | None
    """As it lies there; None where it is missing."""
    hash: str | None
    """`sha256:...` or `md5:...`, by what was published; None for a folder and for what is missing."""
    published: str | None
    """The hash that was published, or None."""
    source: str
    """Who published it."""
    text: str
    """What is in it, or what is wrong with it."""


class DataForm(Noun):
    """One of the forms in which a data set is distributed; no files where nothing of it is there."""

    dataset: str
    form: str
    looked_for: str
    files: tuple[DataFile, ...]

    @property
    def status(self) -> DataStatus | None:
        """That of its worst file; None where nothing is there."""
        worst = list(DataStatus)
        return max((file.status for file in self.files), key=worst.index, default=None)
