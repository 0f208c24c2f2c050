"""A server's TLS for tests in which nobody looks at the certificate."""

from __future__ import annotations

import ssl

import trustme


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context
