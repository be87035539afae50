"""What does a C library print on standard output while something runs?"""

import ctypes
import os
import sys
import tempfile

MOST_BYTES = 16 << 20


def captured(function):
    """What was written to file descriptor 1 during `function()`, by C's buffered output as well; at most MOST_BYTES."""
    libc = ctypes.CDLL(None)
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        libc.fflush(None)
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            function()
        finally:
            sys.stdout.flush()
            libc.fflush(None)
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return file.read(MOST_BYTES).decode("utf-8", "replace")
