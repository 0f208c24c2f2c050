"""The agent's own certificate: asked for anew in the last third of the life that it was granted."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import time
from datetime import UTC, datetime

import pytest
from cryptography import x509

from tests.fakes.kube import FakeKube, fake_kube
from tests.fakes.waiting import until
from virt_handler.adapters import certificate
from virt_handler.adapters.certificate import NodeCertificate
from virt_handler.adapters.signing_request import SigningError, end_of_life, make
from virt_operator.adapters import pki

PLURAL = "certificatesigningrequests"
CSRS = f"/apis/certificates.k8s.io/v1/{PLURAL}"
LIFE = 3.0


async def test_the_end_of_a_certificate_is_read_in_a_process_of_its_own() -> None:
    made = await make("node01.virt-handler.kubevirt.svc")
    own = x509.load_pem_x509_certificate(made["certificate"].encode())
    assert await end_of_life(made["certificate"].encode()) == own.not_valid_after_utc.timestamp()
    with pytest.raises(SigningError):
        await end_of_life(b"rubbish")


def _answer(fake: FakeKube, authority: pki.Signer) -> int:
    """As the operator does, with certificates of LIFE seconds; gives how many requests there are."""
    asked = [obj for (path, _, _), obj in [*fake.objects.items()] if path.endswith(PLURAL)]
    for csr in asked:
        if "status" not in csr:
            request = base64.b64decode(csr["spec"]["request"])
            what, key = pki.asked(request), pki.requested_key(request)
            now = datetime.now(UTC)
            signed = authority.sign(
                key, what.common_name, what.dns, (), purpose=pki.Purpose.SERVER, now=now, seconds=LIFE
            )
            fake.put(CSRS, {**csr, "status": {"certificate": base64.b64encode(signed).decode()}})
    return len(asked)


async def test_a_short_life_is_renewed_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "RETRY_SECONDS", 0.05)
    authority = pki.Signer(pki.authority_secret("kubevirt", "kubevirt-ca", datetime.now(UTC), 3600))
    async with fake_kube() as (fake, kube):
        own = NodeCertificate("node01", "kubevirt")
        await own.prepare()
        began, running = time.monotonic(), asyncio.ensure_future(own.run(kube))
        try:
            await until(lambda: _answer(fake, authority) and own.signed.is_set(), 20)
            first = own.pair()
            await until(lambda: _answer(fake, authority) > 1 and own.pair() != first, 20)
            assert time.monotonic() - began > LIFE / 2, "not at once"
            ssl.PEM_cert_to_DER_cert(own.pair().certificate.decode())
            assert own.pair().key != first.key
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
