"""A way to the engine that can be cut, mended, muted and slowed while it is used."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

PART = 65536


class Proxy:
    """Listens on this machine's loopback and hands everything on to the engine's socket."""

    def __init__(self, path: str = "/var/run/docker.sock") -> None:
        self.path = path
        self.muted = threading.Event()
        """Connections are taken, requests are read, and nothing is said."""
        self.slow: dict[bytes, float] = {}
        """Part of a request's first line -> seconds for which it is held."""
        self.held = threading.Event()
        """Such a request is held now, or has been."""
        self._server: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.port = 0
        self.mend()

    @property
    def address(self) -> str:
        """As in DOCKER_HOST."""
        return f"tcp://127.0.0.1:{self.port}"

    def mend(self) -> None:
        """Listen (again)."""
        server = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = server.getsockname()[1]
        self._server = server
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        for each in (self._server, *self._open):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._open.clear()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = server.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(self.path)
                self._open += (here, there)
                threading.Thread(target=self._ask, args=(here, there), daemon=True).start()
                threading.Thread(target=self._answer, args=(there, here), daemon=True).start()

    def _ask(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(PART):
                line = data.partition(b"\r\n")[0]
                for part, seconds in self.slow.items():
                    if part in line:
                        self.held.set()
                        time.sleep(seconds)
                there.sendall(data)
        with suppress(OSError):
            there.shutdown(socket.SHUT_WR)

    def _answer(self, there: socket.socket, here: socket.socket) -> None:
        with suppress(OSError):
            while data := there.recv(PART):
                if not self.muted.is_set():
                    here.sendall(data)
        with suppress(OSError):
            here.shutdown(socket.SHUT_WR)
