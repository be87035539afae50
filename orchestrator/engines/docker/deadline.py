"""How long may one phase of an engine's work take?"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from orchestrator.errors import NoEngineError

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


def within(limit_s: float, phase: str, action: Callable[[], Value]) -> Value:
    """What `action` gives or raises. Raises NoEngineError where it takes longer than `limit_s`.

    The limits of a connection are for one read of its socket: an engine that sends a byte now and then keeps to them
    for ever. A call that is given up goes on in its thread until its connection ends.
    """
    call = _Call(phase, action)
    call.start()
    call.join(limit_s)
    if call.is_alive():
        raise NoEngineError(f"the engine took longer than {limit_s:g} s to {phase}")
    return call.result()


class _Call(threading.Thread, Generic[Value]):
    def __init__(self, phase: str, action: Callable[[], Value]) -> None:
        super().__init__(name=f"bench-{phase}", daemon=True)
        self._action = action
        self._values: list[Value] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._values.append(self._action())
        except BaseException as error:  # whatever it is, it belongs to the thread that waits
            self._error = error

    def result(self) -> Value:
        if self._error is not None:
            raise self._error
        return self._values[0]
