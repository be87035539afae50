"""A registry on this machine's loopback: as much of the distribution specification as a pull needs.

https://github.com/opencontainers/distribution-spec: manifests by tag and by digest, blobs by digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Registry:
    """Serves images of one file each; a tag may be moved to another one."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        blobs, manifests = self.blobs, self.manifests

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, name = self.path.rstrip("/").split("/")[-2:]
                found = {"manifests": manifests, "blobs": blobs}.get(kind, {}).get(name)
                if self.path.rstrip("/") == "/v2":
                    found = b"{}"
                self.send_response(200 if found is not None else 404)
                self.send_header("Content-Type", MANIFEST if kind == "manifests" else "application/octet-stream")
                self.send_header("Content-Length", str(len(found or b"")))
                self.send_header("Docker-Content-Digest", sha256(found or b""))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(found or b"")

            do_HEAD = do_GET  # noqa: N815  (the name that http.server looks for)

            def log_message(self, *_: object) -> None:
                """Nothing on a test's terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def push(self, tag: str, content: bytes) -> str:
        """An image that holds `content` in /content, under this tag; returns the digest of its manifest."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            entry = tarfile.TarInfo("content")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        layer = buffer.getvalue()
        rootfs = {"type": "layers", "diff_ids": [sha256(layer)]}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        kinds = ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar")
        parts = [
            {"mediaType": kind, "size": len(data), "digest": sha256(data)}
            for kind, data in zip(kinds, (config, layer), strict=True)
        ]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": parts[0], "layers": parts[1:]}
        data = json.dumps(manifest).encode()
        self.blobs |= {sha256(config): config, sha256(layer): layer}
        self.manifests |= {tag: data, sha256(data): data}
        return sha256(data)
