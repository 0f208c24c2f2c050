"""The agent's own certificate: a key that exists in this process only, signed by the operator on request.

Until the operator has answered, a self-signed certificate serves probes and metrics; virt-api refuses it, so consoles
wait. The certificate carries the node's name and no address: the name is what virt-api verifies, and the API may not
yet know the address of a pod that has just started. A new key is asked for when two thirds of the life are over.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import secrets
import time
from typing import Any

from virt_handler.adapters.signing_request import SigningError, end_of_life, make
from virt_model.names import handler_server_name
from virt_runtime.errors import ApiError
from virt_runtime.kube import KubeClient
from virt_runtime.resources import CERTIFICATE_SIGNING_REQUESTS
from virt_runtime.tls import Pair

LOG = logging.getLogger(__name__)
SIGNER = "kubevirt.io/virt-handler"
LIFE_SECONDS = 24 * 3600  # what is asked for; less is granted where the authority ends before
RENEWED_AFTER = 2 / 3  # of its life
ANSWER_SECONDS = 300.0
RETRY_SECONDS = 5.0
Json = dict[str, Any]


class NodeCertificate:
    """`pair()` is what to serve now; `signed` is set while that one comes from the operator."""

    def __init__(self, node: str, namespace: str) -> None:
        self._node = node
        self._name = handler_server_name(node, namespace)
        self._pair: Pair | None = None
        self._made: dict[str, str] = {}
        self.signed = asyncio.Event()

    async def prepare(self) -> None:
        """Make a key; afterwards `pair()` answers. Raises SigningError."""
        self._made = await make(self._name)
        if self._pair is None:
            self._pair = Pair(certificate=self._made["certificate"].encode(), key=self._made["key"].encode())

    def pair(self) -> Pair:
        assert self._pair is not None, "prepare() comes first"
        return self._pair

    async def run(self, kube: KubeClient) -> None:
        """Have the present key signed, and fresh ones before it expires; until cancelled."""
        while True:
            try:
                certificate = await self._signed_by_operator(kube)
            except (ApiError, TimeoutError, SigningError) as error:
                LOG.warning("no certificate from the operator yet: %s", error or "it did not answer")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._pair = Pair(certificate=certificate, key=self._made["key"].encode())
            self.signed.set()
            LOG.info("the operator has signed this node's certificate")
            await asyncio.sleep(await _seconds_left(certificate) * RENEWED_AFTER)
            with contextlib.suppress(SigningError):
                await self.prepare()

    async def _signed_by_operator(self, kube: KubeClient) -> bytes:
        name = f"virt-handler-{self._node}-{secrets.token_hex(5)}"
        created = await kube.create(CERTIFICATE_SIGNING_REQUESTS, None, self._request(name))
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _answer(kube, name, created["metadata"]["resourceVersion"])

    def _request(self, name: str) -> Json:
        return {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {
                "signerName": SIGNER,
                "request": base64.b64encode(self._made["request"].encode()).decode(),
                "expirationSeconds": LIFE_SECONDS,
                "usages": ["digital signature", "key encipherment", "server auth", "client auth"],
            },
        }


async def _seconds_left(certificate: bytes) -> float:
    try:
        return max(await end_of_life(certificate) - time.time(), RETRY_SECONDS)
    except SigningError as error:
        LOG.warning("the end of the certificate is not known: %s", error)
        return RETRY_SECONDS


async def _answer(kube: KubeClient, name: str, version: str) -> bytes:
    """The certificate, as soon as the request carries one; raises ApiError when it is denied."""
    while True:
        events = kube.watch(
            CERTIFICATE_SIGNING_REQUESTS, field_selector=f"metadata.name={name}", resource_version=version
        )
        async for event in events:
            version = event.object["metadata"]["resourceVersion"]
            status = event.object.get("status") or {}
            if status.get("certificate"):
                return base64.b64decode(status["certificate"])
            for condition in status.get("conditions") or ():
                if condition.get("type") in ("Denied", "Failed"):
                    raise ApiError(403, condition["type"], condition.get("message") or "the request was refused")
