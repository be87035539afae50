"""How does a record that an older version wrote become one of today's? In steps, each from one schema to the next.

A step is a pure function on the decoded JSON. None is ever removed, and none is changed once a later schema is out: a
record of any version is read by every version after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.nouns.record import RECORD_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

Content = dict[str, Any]
"""A record as JSON gives it."""


def upgrade_content(content: Content, schema: int) -> Content:
    """The content of a record of `schema`, from 1 on, as it would stand in one of RECORD_SCHEMA."""
    for number in range(schema, RECORD_SCHEMA):
        content = STEPS[number](content)
    return content


def to_2(content: Content) -> Content:
    """While the number stood at 1 fields came and none went; what a record lacks, the nouns' defaults say."""
    return {**content, "record_schema": 2}


STEPS: dict[int, Callable[[Content], Content]] = {1: to_2}
"""Schema -> how a record of it becomes one of the next."""
