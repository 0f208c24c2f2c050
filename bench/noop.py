"""A webhook that lets everything pass, to compare with: `python3 -m bench.noop ADDRESS PAIR` prints its port.

It reads and answers as ours do, on the same server library, and thinks nothing.
"""

import asyncio
import contextlib
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from virt_operator.adapters import pki
from virt_operator.adapters.secrets import pair_of

DAY = 24 * 3600.0


async def _allow(request: web.Request) -> web.Response:
    uid = msgspec.json.decode(await request.read())["request"]["uid"]
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    answer = msgspec.json.encode({**review, "response": {"uid": uid, "allowed": True}})
    return web.Response(body=answer, content_type="application/json")


async def _serve(address: str, pair: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair)
    app = web.Application()
    app.router.add_post("/", _allow)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, 0, ssl_context=context).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def webhook(address: str) -> Iterator[tuple[str, bytes]]:
    """One in a process of its own: its URL, and the authority to know it by, in PEM."""
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    authority = pki.authority_secret("", "", now, DAY)
    signed = pki.Signer(authority).sign(
        key.public_key(), "noop", (), (address,), purpose=pki.Purpose.SERVER, now=now, seconds=DAY
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(signed + private)
        pair.flush()
        command = [sys.executable, "-m", "bench.noop", address, pair.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                yield f"https://{address}:{process.stdout.readline().strip()}/", pair_of(authority)[0]
            finally:
                process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
