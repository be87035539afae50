"""How is a function of a library called that is already mapped, without loading anything?"""

import ctypes
import os

_elsewhere = []


def ask_elsewhere(open_there):
    """From now on the libraries are those of another process, which `open_there(path)` opens."""
    _elsewhere[:] = [open_there]


def here():
    """Whether the libraries are those of this process."""
    return not _elsewhere


def open_mapped(path):
    """The mapped library, or None; RTLD_NOLOAD, because evidence must not add a library to the process."""
    if _elsewhere:
        return _elsewhere[0](path)
    try:
        return ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except OSError:
        return None


def exports(path, symbol):
    """Whether the mapped library has this symbol, itself or in what it is linked to."""
    library = open_mapped(path)
    return library is not None and hasattr(library, symbol)


def call(library, names, restype, *arguments):
    """The result of the first of these functions that the library has, or None; bytes become text."""
    for name in names:
        function = getattr(library, name, None)
        if function is None:
            continue
        function.restype = restype
        result = function(*arguments)
        return result.decode("utf-8", "replace") if isinstance(result, bytes) else result
    return None
