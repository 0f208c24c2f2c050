"""A fresh key with a request to have it signed, or signed by itself, made in a process of its own.

The library that does this weighs as much as the rest of the agent and is needed once a day, so it is not loaded here:
`make` starts this file, and the key comes back through the pipe and never touches a disk.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta

COMMON_NAME = "kubevirt.io:system:node:virt-handler"
TIMEOUT_SECONDS = 30.0
_OWN_LIFE = timedelta(days=30)


class SigningError(OSError):
    """The key could not be made."""


async def make(name: str) -> dict[str, str]:
    """PEM texts: `key`, `request` (a CSR for COMMON_NAME with this DNS name), `certificate` (self-signed)."""
    made: dict[str, str] = json.loads(await _child("main", name))
    return made


async def end_of_life(certificate: bytes) -> float:
    """When a certificate in PEM ends, seconds of the wall clock."""
    return float(await _child("tell_end", stdin=certificate))


async def _child(function: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """What a function of this file prints in a process of its own. Raises SigningError."""
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from virt_handler.adapters import signing_request as s; s.{function}()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", program, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        raise SigningError("working on a key took too long") from None
    finally:
        if process.returncode is None:  # too late, or whoever waited has gone
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise SigningError(err.decode(errors="replace").strip()[-500:])
    return out


def main() -> None:
    """In the child: the DNS name is the argument."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, COMMON_NAME)])
    alternatives = x509.SubjectAlternativeName([x509.DNSName(sys.argv[1])])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(alternatives, critical=False)
    now = datetime.now(UTC)
    own = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _OWN_LIFE).add_extension(alternatives, critical=False)
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = {
        "key": private.decode(),
        "request": request.sign(key, hashes.SHA256()).public_bytes(pem).decode(),
        "certificate": own.sign(key, hashes.SHA256()).public_bytes(pem).decode(),
    }
    sys.stdout.write(json.dumps(made))


def tell_end() -> None:
    """In the child: the certificate comes by standard input."""
    from cryptography import x509

    sys.stdout.write(str(x509.load_pem_x509_certificate(sys.stdin.buffer.read()).not_valid_after_utc.timestamp()))
