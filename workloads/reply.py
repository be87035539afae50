"""How does the answer reach the host whole, within its limits, and as strict JSON?"""

import json
import math
import os

REPLY_SCHEMA = 1
REPLY_BYTES = 1 << 20
STRING_CHARACTERS = 4000


def clean(value):
    """The same value with what strict JSON or the reply's limits forbid taken out.

    Control characters become spaces, strings are cut, lone surrogates replaced; a float that is not finite raises
    ValueError: it must have been noticed before.
    """
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode("utf-8")
        text = "".join(c if c.isprintable() else " " for c in text)
        return text if len(text) <= STRING_CHARACTERS else text[: STRING_CHARACTERS - 3] + "..."
    if isinstance(value, dict):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number of the reply is {0}".format(value))
    return value


def encode(reply):
    """UTF-8 JSON of at most REPLY_BYTES; a reply that would be longer becomes an error that says so."""
    try:
        text = json.dumps(clean(reply), allow_nan=False)
    except (TypeError, ValueError) as problem:
        text = json.dumps(clean(failure("error", "reply: {0}".format(problem))))
    data = text.encode("utf-8")
    if len(data) > REPLY_BYTES:
        reason = "reply of {0} bytes, at most {1} are read".format(len(data), REPLY_BYTES)
        data = json.dumps(failure("error", reason)).encode("utf-8")
    return data


def failure(status, reason):
    """A reply that carries no samples."""
    return {"reply_schema": REPLY_SCHEMA, "status": status, "reason": reason}


def write(path, reply):
    """Write under a temporary name beside `path`, then rename: the host never sees half a reply."""
    temporary = path + ".part"
    with open(temporary, "wb") as file:
        file.write(encode(reply))
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
