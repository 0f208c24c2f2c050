"""A container registry of one test: it takes what is pushed and remembers it. OCI distribution specification, pushing.

Blobs go by POST (an upload begins), PATCH (bytes) and PUT (with the digest); manifests by PUT under their tag.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit


class Registry(ThreadingHTTPServer):
    """``blobs`` by digest, ``manifests`` by ``repository:tag``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing: tests speak by their asserts."""

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        digest = self.path.rsplit("/", 1)[-1]
        self._answer(200 if digest in self.server.blobs else 404, length=len(self.server.blobs.get(digest, b"")))

    def do_POST(self) -> None:
        self._body()
        upload = f"{urlsplit(self.path).path}{len(self.server.uploads)}"
        self.server.uploads[upload] = b""
        self._answer(202, headers={"Location": upload})

    def do_PATCH(self) -> None:
        path = urlsplit(self.path).path
        self.server.uploads[path] += self._body()
        self._answer(202, headers={"Location": path, "Range": f"0-{len(self.server.uploads[path]) - 1}"})

    def do_PUT(self) -> None:
        address, body = urlsplit(self.path), self._body()
        manifest = re.fullmatch(r"/v2/(.+)/manifests/(.+)", address.path)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if manifest:
            self.server.manifests[f"{manifest[1]}:{manifest[2]}"] = body
        else:
            data = self.server.uploads.pop(address.path) + body
            digest = parse_qs(address.query)["digest"][0]
            assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
            self.server.blobs[digest] = data
        self._answer(201, headers={"Location": address.path, "Docker-Content-Digest": digest})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, length: int = 0, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def registry() -> Iterator[Registry]:
    """A registry that listens, until the block ends."""
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=10)
