"""Carries out a plan: stages in order, the actions of a stage together."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from virt_operator.adapters import pki
from virt_operator.adapters.cluster import Cluster
from virt_operator.adapters.kinds import METADATA_ONLY, resource_of
from virt_operator.plan.actions import (
    Action,
    Apply,
    Delete,
    DeleteWorkload,
    Issue,
    MakeAuthority,
    PatchStatus,
    Plan,
    SetFinalizers,
)
from virt_operator.plan.identity import Ref, contains, ref_of
from virt_operator.plan.names import CA_SECRET, OPERATOR
from virt_runtime.errors import ApiError, Conflict, Invalid, NotFound, Unreachable
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.resources import KUBEVIRTS, Json

LOG = logging.getLogger(__name__)
AT_ONCE = 8


class Refused(ApiError):
    """The API server will not take an object of ours: users must know which and why."""


class Performer:
    def __init__(self, kube: KubeClient, cluster: Cluster, namespace: str) -> None:
        self._kube, self._cluster, self._namespace = kube, cluster, namespace
        self._room = asyncio.Semaphore(AT_ONCE)

    async def perform(self, plan: Plan) -> None:
        """Raises the first failure of a stage after the whole stage was tried."""
        for stage in plan.stages:
            outcomes = await asyncio.gather(*(self._one(action) for action in stage), return_exceptions=True)
            failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
            for failure in failures[1:]:
                LOG.warning("also failed: %s", failure)
            if failures:
                raise failures[0]

    async def _one(self, action: Action) -> None:
        async with self._room:
            match action:
                case Apply(body=body):
                    await self._apply(body)
                case Delete(ref=ref, uid=uid) | DeleteWorkload(ref=ref, uid=uid):
                    await self._delete(ref, uid)
                case MakeAuthority(seconds=seconds):
                    LOG.info("making a new certificate authority")
                    before = self._cluster.secret(CA_SECRET)
                    await self._apply(pki.authority_secret(self._namespace, CA_SECRET, _now(), seconds, before))
                case Issue(wanted=wanted, seconds=seconds):
                    secret_of_it = about(kind="Secret", namespace=self._namespace, name=wanted.secret)
                    LOG.info("issuing a certificate", extra=secret_of_it)
                    secret = self._cluster.secret(CA_SECRET)
                    if secret is None:
                        raise Conflict(409, "Conflict", "the authority is gone")
                    signer = pki.signer_of(secret, _now())
                    await self._apply(pki.issue_secret(self._namespace, wanted, signer, _now(), seconds))
                case PatchStatus(ref=ref, version=version, status=status):
                    await self._status(ref, version, status)
                case SetFinalizers(ref=ref, version=version, finalizers=finalizers):
                    await self._finalizers(ref, version, finalizers)

    async def _apply(self, body: Json) -> None:
        ref = ref_of(body)
        try:
            applied = await self._written(ref, body)
        except (Conflict, Unreachable):
            raise
        except ApiError as error:
            if 400 <= error.status < 500:
                raise Refused(error.status, error.reason, f"{ref}: {error.message}", error.body) from error
            raise
        self._cluster.remember(ref, applied, body)

    async def _written(self, ref: Ref, body: Json) -> Json:
        """Server-side apply leaves list entries that others added; where that is so, the object is replaced."""
        resource, namespace = resource_of(ref.kind), ref.namespace or None
        brief = ref.kind in METADATA_ONLY
        present = self._cluster.managed(ref)
        try:
            applied = await self._kube.apply(resource, namespace, ref.name, body, OPERATOR, metadata_only=brief)
        except Invalid:
            if present is None:
                raise
        else:
            if brief or present is None or contains(applied, body):
                return applied
            present = applied
        LOG.info("changed by others, replacing it", extra=_about(ref))
        metadata = {**body["metadata"], "resourceVersion": present["metadata"]["resourceVersion"]}
        return await self._kube.replace(resource, namespace, ref.name, {**body, "metadata": metadata})

    async def _delete(self, ref: Ref, uid: str) -> None:
        propagation = "Foreground" if ref.kind in ("Deployment", "DaemonSet") else None
        try:
            await self._kube.delete(
                resource_of(ref.kind), ref.namespace or None, ref.name, uid=uid, propagation=propagation
            )
        except NotFound:
            LOG.debug("gone already", extra=_about(ref))

    async def _status(self, ref: Ref, version: str, status: Json) -> None:
        raw = self._cluster.kubevirt(ref)
        if raw is None or raw["metadata"]["resourceVersion"] != version:
            raise Conflict(409, "Conflict", f"{ref} changed meanwhile")
        written = await self._kube.replace(KUBEVIRTS, ref.namespace, ref.name, {**raw, "status": status}, "status")
        self._cluster.remember_kubevirt(written)

    async def _finalizers(self, ref: Ref, version: str, finalizers: tuple[str, ...]) -> None:
        change = {"metadata": {"resourceVersion": version, "finalizers": [*finalizers]}}
        written = await self._kube.merge_patch(KUBEVIRTS, ref.namespace, ref.name, change)
        if written.get("kind") == "KubeVirt":
            self._cluster.remember_kubevirt(written)


def _about(ref: Ref) -> Json:
    return about(kind=ref.kind, namespace=ref.namespace, name=ref.name)


def _now() -> datetime:
    return datetime.now(UTC)
