"""What may be a name: of a part of an identifier, an image's tag, a file?"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
"""Devices on some file systems, whatever follows after a dot."""


def refuse_name(text: str) -> str:
    """The text itself. Raises ValueError for one that climbs out of a folder, or is a device on some file systems."""
    if ".." in text or text.endswith("."):
        raise ValueError("two dots in a row, or one at the end, mean a folder to some")
    if text.partition(".")[0].lower() in RESERVED:
        raise ValueError("the name of a device on some file systems")
    return text


Part = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._]{0,63}$"), AfterValidator(refuse_name)]
"""No dash: dashes separate the parts of an identifier."""
Tag = Annotated[str, Field(pattern=r"^$|^[a-z0-9][a-z0-9._-]{0,31}$"), AfterValidator(refuse_name)]
Version = Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9._+]{0,31}$"), AfterValidator(refuse_name)]
FileStem = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$"), AfterValidator(refuse_name)]
Module = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$"), AfterValidator(refuse_name)]
Program = Annotated[str, Field(pattern=r"^$|^[a-z][a-z0-9_]{0,31}$"), AfterValidator(refuse_name)]
Core = Annotated[str, Field(pattern=r"^$|^[A-Za-z][A-Za-z0-9_ ]{0,31}$"), AfterValidator(refuse_name)]
"""A kernel family, as its BLAS spells it."""
