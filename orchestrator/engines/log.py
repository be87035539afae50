"""What of a process's output is kept?"""

from __future__ import annotations

import os
import threading

LOG_BYTES = 4096
HELD_BYTES = 64 * 1024


def clean_log(data: bytes, limit: int = LOG_BYTES, *, lost: int = 0) -> str:
    """The end of a log as text, control characters replaced: it may end up on somebody's terminal.

    `lost` bytes that came before `data` were dropped already.
    """
    text = data[-limit:].decode("utf-8", "replace")
    text = "".join(c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return f"[truncated]\n{text}" if lost or len(data) > limit else text


class LogTail(threading.Thread):
    """Empties a pipe for as long as somebody writes into it, and remembers the last 64 KiB.

    A process must never wait for a full pipe, and what it prints must not fill a disk.
    """

    def __init__(self, pipe: int) -> None:
        super().__init__(name="bench-log", daemon=True)
        self.pipe = pipe
        self.held = b""
        self.lost = 0

    def run(self) -> None:
        """Until the last writer is gone."""
        try:
            while part := os.read(self.pipe, HELD_BYTES):
                held = self.held + part
                self.lost += max(0, len(held) - HELD_BYTES)
                self.held = held[-HELD_BYTES:]
        except OSError:
            return  # closed by whoever made it
        finally:
            os.close(self.pipe)

    def text(self) -> str:
        """The end of what was printed so far."""
        return clean_log(self.held, lost=self.lost)
