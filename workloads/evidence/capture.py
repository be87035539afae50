"""What does a C library print on standard output or standard error while something runs?"""

import ctypes
import os
import sys
import tempfile

MOST_BYTES = 16 << 20


def captured(function, descriptor=1):
    """What was written to the file descriptor during `function()`, by C's buffered output as well; at most MOST_BYTES.

    1 is standard output, 2 standard error.
    """
    stream = {1: sys.stdout, 2: sys.stderr}[descriptor]
    libc = ctypes.CDLL(None)
    with tempfile.TemporaryFile() as file:
        stream.flush()
        libc.fflush(None)
        kept = os.dup(descriptor)
        os.dup2(file.fileno(), descriptor)
        try:
            function()
        finally:
            stream.flush()
            libc.fflush(None)
            os.dup2(kept, descriptor)
            os.close(kept)
        file.seek(0)
        return file.read(MOST_BYTES).decode("utf-8", "replace")
