"""As much of a registry as a push needs, on this machine: it keeps digests, not layers.

It answers by the OCI distribution specification, checks each digest by itself, and takes a manifest only when it has
all that the manifest names.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

PIECE_BYTES = 1 << 20
_BLOB = re.compile(r"/v2/[^?]+/blobs/(sha256:[0-9a-f]{64})")
_MANIFEST = re.compile(r"/v2/([^?]+)/manifests/([^?]+)")


class Registry:
    """What was pushed so far."""

    def __init__(self) -> None:
        self.address = ""
        self.tags: set[str] = set()
        self.blobs: dict[str, int] = {}
        """The size of each layer and configuration by its digest."""
        self.uploads: dict[str, tuple[Any, int]] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        blob = _BLOB.fullmatch(self.path)
        size = None if blob is None else self.registry.blobs.get(blob[1])
        self._answer(404) if size is None else self._answer(200, length=size)

    def do_POST(self) -> None:
        self._read()
        upload = uuid4().hex
        self.registry.uploads[upload] = (hashlib.sha256(), 0)
        self._answer(202, Location=f"{self.path.partition('?')[0]}{upload}", Range="0-0")

    def do_PATCH(self) -> None:
        _, size = self._take()
        self._answer(202, Location=self.path, Range=f"0-{max(0, size - 1)}")

    def do_PUT(self) -> None:
        manifest = _MANIFEST.fullmatch(self.path)
        if manifest is not None:
            self._take_manifest(manifest[1], manifest[2])
            return
        digest, size = self._take()
        wanted = self.path.partition("digest=")[2].replace("%3A", ":")
        if f"sha256:{digest.hexdigest()}" != wanted:
            self._answer(400)
            return
        self.registry.blobs[wanted] = size
        self._answer(201, Location=self.path, Docker_Content_Digest=wanted)

    def _take_manifest(self, name: str, tag: str) -> None:
        body = b"".join(self._pieces())
        told = json.loads(body)
        named = {part["digest"]: part["size"] for part in (told["config"], *told["layers"])}
        if named.items() - self.registry.blobs.items():
            self._answer(400)
            return
        self.registry.tags.add(f"{name}:{tag}")
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._answer(201, Location=self.path, Docker_Content_Digest=digest)

    def _take(self) -> tuple[Any, int]:
        """What has come of an upload: the running digest and the bytes."""
        upload = self.path.partition("?")[0].rpartition("/")[2]
        digest, size = self.registry.uploads[upload]
        for piece in self._pieces():
            digest.update(piece)
            size += len(piece)
        self.registry.uploads[upload] = (digest, size)
        return digest, size

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield from self._bytes(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield from self._bytes(size)
            self.rfile.readline()
        self.rfile.readline()

    def _bytes(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, PIECE_BYTES))
            if not piece:
                raise ConnectionError("the upload ended early")
            size -= len(piece)
            yield piece

    def _read(self) -> None:
        for _ in self._pieces():
            pass

    def _answer(self, status: int, *, length: int = 0, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def open_registry() -> Iterator[Registry]:
    """A registry on a free port of the loopback address, which an engine trusts without TLS."""
    registry = Registry()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": registry}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
