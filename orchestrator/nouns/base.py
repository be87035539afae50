"""What every noun has in common: it is frozen, and it refuses a key that it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """One frozen thing. A later stage makes the next noun; it never fills in a field of this one."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")
