"""TLS with certificates that change while we run, from mounted files or from memory.

A server context asks for the present certificate at each handshake (`sni_callback`, called with or without SNI), so
that a rotated Secret is served without a restart. Keys that live in memory reach OpenSSL through a memfd, never a disk.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Pair:
    """PEM bytes: the certificate chain and its private key."""

    certificate: bytes
    key: bytes


#: gives the present pair; called at each handshake, hence cheap
PairSource = Callable[[], Pair]
#: gives the present PEM bundle of trusted authorities
BundleSource = Callable[[], bytes]


class FileSource:
    """The content of one file, read again when it was replaced (a mounted Secret or ConfigMap swaps a symlink)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._content = b""

    def __call__(self) -> bytes:
        stat = self._path.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._content = self._path.read_bytes()
            self._stamp = stamp
        return self._content


class DirectorySource:
    """`tls.crt` and `tls.key` of a mounted certificate Secret, as a `PairSource`."""

    def __init__(self, directory: Path) -> None:
        self._certificate, self._key = FileSource(directory / "tls.crt"), FileSource(directory / "tls.key")

    def __call__(self) -> Pair:
        return Pair(certificate=self._certificate(), key=self._key())


class ServingCertificate:
    """A server's certificate and, optionally, who may be its clients.

    `clients` is the bundle that client certificates are verified against; with `clients_required` a connection
    without one is refused, otherwise it is let in and `peer certificate` is empty.
    """

    def __init__(
        self,
        pair: PairSource | Path | str,
        clients: BundleSource | None = None,
        *,
        clients_required: bool = False,
        minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        ciphers: str = "",
    ) -> None:
        self._pair = DirectorySource(Path(pair)) if isinstance(pair, Path | str) else pair
        self._clients, self._required = clients, clients_required
        self._minimum, self._ciphers = minimum, ciphers
        self._made_from: tuple[Pair, bytes] | None = None
        self._present: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context to listen with; it hands each handshake to a context of the present certificate."""
        front = self._present_context()

        def swap(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self._present_context()

        front.sni_callback = swap
        return front

    def _present_context(self) -> ssl.SSLContext:
        wanted = (self._pair(), self._clients() if self._clients else b"")
        if self._present is None or wanted != self._made_from:
            self._present = self._build(*wanted)
            self._made_from = wanted
        return self._present

    def _build(self, pair: Pair, clients: bytes) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        if self._ciphers:
            context.set_ciphers(self._ciphers)
        load_pair(context, pair)
        if self._clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED if self._required else ssl.CERT_OPTIONAL
            if clients:
                context.load_verify_locations(cadata=clients.decode())
        return context


def load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    """Put a certificate and key held in memory into `context` (the ssl module reads files only)."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pair.certificate + b"\n" + pair.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


class ClientContexts:
    """A client's TLS: our own pair (or none) and the bundle of authorities we trust; rebuilt when either changes."""

    def __init__(self, bundle: BundleSource, pair: PairSource | None = None) -> None:
        self._bundle, self._pair = bundle, pair
        self._made_from: tuple[bytes, Pair | None] | None = None
        self._present: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Pass the expected name as `server_hostname` when connecting: it is verified."""
        wanted = (self._bundle(), self._pair() if self._pair else None)
        if self._present is None or wanted != self._made_from:
            context = ssl.create_default_context(cadata=wanted[0].decode())
            if wanted[1] is not None:
                load_pair(context, wanted[1])
            self._present, self._made_from = context, wanted
        return self._present


def client_context(ca_file: Path | str, cert_dir: Path | str | None = None) -> ClientContexts:
    """`ClientContexts` of mounted files."""
    pair = DirectorySource(Path(cert_dir)) if cert_dir else None
    return ClientContexts(FileSource(Path(ca_file)), pair)
