"""How is a function of a library called that a program outside Python has mapped? As ctypes would, by asking it."""

import ctypes


class Library(object):
    """Has as attributes the functions that the library exports, as ctypes.CDLL has."""

    def __init__(self, program, path):
        self._program = program
        self._path = path

    def __getattr__(self, name):
        if name.startswith("__") or not self._ask(name, "")["has"]:
            raise AttributeError(name)
        return Function(lambda returns, **details: self._ask(name, returns, **details)["value"])

    def _ask(self, name, returns, **details):
        return self._program.ask("call", path=self._path, symbol=name, returns=returns, **details)


class Function(object):
    """Called with nothing, one integer, or a buffer and its size; those are the shapes that evidence needs."""

    def __init__(self, ask):
        self._ask = ask
        self.restype = ctypes.c_int

    def __call__(self, *arguments):
        if arguments and isinstance(arguments[0], ctypes.Array):
            arguments[0].value = self._ask("buffer").encode("utf-8")
            return None
        if self.restype is ctypes.c_char_p:
            return self._ask("text").encode("utf-8")
        if self.restype is ctypes.c_int:
            return self._ask("int", argument=arguments[0].value if arguments else 0)
        numbers = self._ask("version")  # a pointer to a structure that begins with three integers
        return ctypes.pointer(self.restype._type_(*numbers))  # noqa: SLF001
