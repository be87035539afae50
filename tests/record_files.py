"""How does the file of a record look that somebody, or an accident, has changed?"""

from __future__ import annotations

import hashlib
import json


def framed(body: bytes) -> bytes:
    """A file with the right hash around any body."""
    return b'{"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'","record":' + body + b"}\n"


def body_of(data: bytes) -> bytes:
    """What the hash is taken over."""
    return data[86:-2]


def changed(data: bytes, **fields: object) -> bytes:
    """The same record with other fields, and a hash that is right."""
    return framed(json.dumps(json.loads(body_of(data)) | fields).encode())
