"""Answers virt-handler's certificate requests: approve and sign, or deny and say why."""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime

from virt_operator.adapters import pki
from virt_operator.adapters.cluster import Cluster
from virt_operator.plan import signing
from virt_operator.plan.names import CA_SECRET, HANDLER_SIGNER
from virt_runtime.clock import rfc3339
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.loop import Loop, named
from virt_runtime.process import together
from virt_runtime.queue import WorkQueue
from virt_runtime.reflector import Reflector
from virt_runtime.resources import CERTIFICATE_SIGNING_REQUESTS, PODS, Json
from virt_runtime.store import Store, key_of

LOG = logging.getLogger(__name__)
LONGEST_SECONDS = 24 * 3600.0
WAIT_FOR_AUTHORITY = 1.0


class RequestSigner:
    """Runs on the leader only."""

    def __init__(self, kube: KubeClient, cluster: Cluster, namespace: str) -> None:
        self._kube, self._cluster, self._namespace = kube, cluster, namespace
        self._store, self._queue = Store(), WorkQueue()
        self._reflector = Reflector(
            kube,
            CERTIFICATE_SIGNING_REQUESTS,
            self._store,
            field_selector=f"spec.signerName={HANDLER_SIGNER}",
        )
        self._reflector.subscribe(self._changed)

    async def run(self) -> None:
        loop = Loop("certificate-requests", self._queue, self._answer, named("CertificateSigningRequest"), workers=2)
        await together(self._reflector.run(), loop.run())

    def _changed(self, _old: Json | None, new: Json | None) -> None:
        if new is not None and signing.is_open(new):
            self._queue.add(key_of(new))

    async def _answer(self, key: str) -> float | None:
        csr = self._store.get(key)
        if csr is None or not signing.is_open(csr):
            return None
        authority = self._cluster.secret(CA_SECRET)
        if authority is None:
            return WAIT_FOR_AUTHORITY
        request = base64.b64decode(csr["spec"]["request"])
        asked = pki.asked(request)
        verdict = signing.judge(csr, asked, await self._pod(csr), self._namespace)
        if not verdict.granted:
            LOG.warning("certificate request denied: %s", verdict.reason, extra=about(csr))
            await self._condition(csr, "Denied", verdict.reason)
            return None
        if not signing.is_approved(csr):
            csr = await self._condition(csr, "Approved", "asked by virt-handler for its own pod and node")
        await self._sign(csr, request, asked, pki.signer_of(authority, datetime.now(UTC)))
        LOG.info("certificate request signed", extra=about(csr))
        return None

    async def _pod(self, csr: Json) -> Json | None:
        _, name = signing.claims(csr)
        if not name:
            return None
        try:
            return await self._kube.get(PODS, self._namespace, name)
        except NotFound:
            return None

    async def _condition(self, csr: Json, kind: str, message: str) -> Json:
        condition = {
            "type": kind,
            "status": "True",
            "reason": f"VirtHandler{kind}",
            "message": message,
            "lastUpdateTime": rfc3339(datetime.now(UTC)),
        }
        status = csr.get("status") or {}
        body = {**csr, "status": {**status, "conditions": [*(status.get("conditions") or []), condition]}}
        name = csr["metadata"]["name"]
        return await self._kube.replace(CERTIFICATE_SIGNING_REQUESTS, None, name, body, "approval")

    async def _sign(self, csr: Json, request: bytes, asked: signing.Asked, signer: pki.Signer) -> None:
        seconds = min(float(csr["spec"].get("expirationSeconds") or LONGEST_SECONDS), LONGEST_SECONDS)
        certificate = signer.sign(
            pki.requested_key(request),
            asked.common_name,
            asked.dns,
            asked.ips,
            purpose=pki.Purpose.PEER,
            now=datetime.now(UTC),
            seconds=seconds,
        )
        status = {**(csr.get("status") or {}), "certificate": base64.b64encode(certificate).decode()}
        name = csr["metadata"]["name"]
        await self._kube.replace(CERTIFICATE_SIGNING_REQUESTS, None, name, {**csr, "status": status}, "status")
