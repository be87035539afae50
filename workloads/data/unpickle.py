"""What does a pickle of plain data hold, when it may have been made by somebody who means harm?

`pickle` runs whatever a file names. Here nothing that a file names is ever called or even imported: five names of numpy
and `_codecs.encode` stand for records that this module makes itself, every other name is refused, and so is every
opcode that plain data do not need. numpy's own `__setstate__` is not used, because it trusts the lengths in a pickle.

The unpickler is the one of the standard library in Python: that in C makes its memo as long as an index in the file
asks for (`LONG_BINPUT` with 2**32 - 1 takes 64 GiB).
"""

import io
import pickle
import pickletools
import struct

import numpy as np

from workloads.data.reading import DataError, Refused

THINGS = 1000000
"""Lists, dicts, tuples and entries of the memo: each takes up to a hundred bytes for the one byte in the file."""

NAMES = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("numpy.core.multiarray", "_reconstruct"): "_reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "_reconstruct",  # as numpy 2 writes it
    ("_codecs", "encode"): "encode",  # as Python 3 writes bytes in protocol 2
}

PLAIN = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "APPEND", "APPENDS", "SETITEM", "SETITEMS"),
    *("BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL"),
)
COUNTED = (
    *("EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "LIST", "DICT", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("BINPUT", "LONG_BINPUT", "MEMOIZE"),
)
DTYPES = {"u1", "i1", "i2", "i4", "i8", "f4", "f8", "O4", "O8"}


class _Name(object):
    """A name in a pickle, and nothing more."""

    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text


class _Dtype(object):
    """What a pickle says of a dtype."""

    __slots__ = ("order", "text")

    def __init__(self, text):
        self.text = text
        self.order = "|"

    def set_state(self, state):
        """(version, byte order, subdtype, names, fields, ...): plain numbers have the first two alone."""
        if not isinstance(state, tuple) or len(state) < 5 or any(each is not None for each in state[2:5]):
            raise Refused("an array of records")
        self.order = _text(state[1])


class _Array(object):
    """What a pickle says of an array."""

    __slots__ = ("state",)

    def __init__(self):
        self.state = None

    def set_state(self, state):
        """(version, shape, dtype, Fortran's order, bytes or list)."""
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Dtype):
            raise DataError("an array that is none")
        self.state = state


class _Unpickler(pickle._Unpickler):  # noqa: SLF001  (the reason stands above)
    """Reads plain data; everything else is refused."""

    def __init__(self, data):
        super(_Unpickler, self).__init__(io.BytesIO(data), encoding="bytes")
        self.things = 0
        self.room = len(data)

    def find_class(self, module, name):
        """A record for one of the names that the arrays of numpy need."""
        if (module, name) not in NAMES:
            raise Refused("it asks for {0}.{1}, which no data set needs".format(module[:80], name[:80]))
        return _Name(NAMES[module, name])

    def call(self):
        """REDUCE: what numpy's arrays are made of, made here."""
        arguments = self.stack.pop()
        name = self.stack[-1].text if isinstance(self.stack[-1], _Name) else "?"
        if name == "_reconstruct" and len(arguments) == 3 and arguments[1] == (0,):
            self.stack[-1] = _Array()
        elif name == "dtype" and arguments:
            self.stack[-1] = _Dtype(_text(arguments[0]))
        elif name == "encode" and len(arguments) == 2 and _text(arguments[1]) in ("latin1", "latin-1"):
            made = _text(arguments[0]).encode("latin1")
            self.room -= len(made)
            if self.room < 0:
                raise Refused("one piece of text becomes bytes again and again")
            self.stack[-1] = made
        else:
            raise Refused("it calls {0} as no array does".format(name))

    def build(self):
        """BUILD: the state of an array or of its dtype."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _Dtype)):
            raise Refused("it sets the state of something that is no array")
        self.stack[-1].set_state(state)

    def refuse(self):
        """Every other opcode."""
        raise Refused("it has opcodes that no data set needs")


def _counting(function):
    def counted(self):
        self.things += 1
        if self.things > THINGS:
            raise Refused("it makes more than {0:,} objects".format(THINGS))
        function(self)

    return counted


def _table():
    """Opcode -> function of the unpickler: what plain data need, and `refuse`."""
    codes = {opcode.name: ord(opcode.code) for opcode in pickletools.opcodes}
    known = pickle._Unpickler.dispatch  # noqa: SLF001
    made = dict.fromkeys(codes.values(), _Unpickler.refuse)
    made.update({codes[name]: known[codes[name]] for name in PLAIN})
    made.update({codes[name]: _counting(known[codes[name]]) for name in COUNTED})
    made[codes["REDUCE"]] = _Unpickler.call
    made[codes["BUILD"]] = _Unpickler.build
    return made


_Unpickler.dispatch = _table()


def load(data):
    """The dict, list, number, text or array in the bytes of a pickle; arrays of objects become lists.

    Raises Refused for what is not plain data, and DataError for what is no whole pickle.
    """
    try:
        found = _Unpickler(data).load()
    except DataError:
        raise
    except (pickle.UnpicklingError, EOFError, struct.error):
        raise DataError("no whole pickle: it is cut off, or was never one") from None
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise DataError("no valid pickle: {0}".format(str(problem)[:80] or type(problem).__name__)) from None
    return _finish(found)


def _finish(found):
    """Records become arrays at the two places where data sets have them: at the top, and in the values of a dict."""
    if isinstance(found, dict):
        return {_text(key): _to_array(value) if isinstance(value, _Array) else value for key, value in found.items()}
    return _to_array(found) if isinstance(found, _Array) else found


def _to_array(record):
    if record.state is None:
        raise DataError("an array without content")
    _, shape, dtype, fortran, raw = record.state
    if dtype.text not in DTYPES or dtype.order not in ("<", ">", "|", "="):
        raise Refused("an array of {0!r}".format(dtype.text[:20]))
    if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
        raise DataError("an array whose shape is none")
    if dtype.text[0] == "O":
        if not isinstance(raw, list) or shape != (len(raw),):
            raise DataError("an array of objects whose shape is not that of its list")
        return raw
    made = np.dtype(dtype.order + dtype.text)
    size = made.itemsize
    for length in shape:
        size *= length
    if not isinstance(raw, bytes) or len(raw) != size:
        raise DataError("an array of shape {0} without its bytes".format(str(shape)[:60]))
    return np.frombuffer(raw, made).reshape(shape, order="F" if fortran else "C")


def _text(value):
    if isinstance(value, bytes):
        value = value.decode("latin1")
    if not isinstance(value, str):
        raise DataError("a name that is no text")
    return value
