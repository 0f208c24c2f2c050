"""What the operator sees: a cache of the KubeVirt objects and of everything that carries its label."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from virt_operator.adapters import pki
from virt_operator.adapters.kinds import KUBE_SYSTEM, MANAGED, METADATA_ONLY, WORKLOADS
from virt_operator.adapters.prometheus import PrometheusWatch
from virt_operator.plan.bundle import KEY
from virt_operator.plan.certificates import Held
from virt_operator.plan.identity import Ref, contains, hash_of
from virt_operator.plan.names import CA_CONFIGMAP, CA_SECRET, HANDLER_SIGNER, MANAGED_SELECTOR
from virt_operator.plan.observed import Observed, Own
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.process import together, when_synced
from virt_runtime.reflector import Reflector
from virt_runtime.resources import CERTIFICATE_SIGNING_REQUESTS, KUBEVIRTS, Json
from virt_runtime.store import Store, key_of


class Cluster:
    def __init__(self, kube: KubeClient, own: Own) -> None:
        self._kube, self._own = kube, own
        self._kubevirts = Store()
        self._managed: dict[tuple[str, str], Store] = {}
        self._reflectors = [Reflector(kube, KUBEVIRTS, self._kubevirts)]
        for kind, resource in MANAGED.items():
            scopes = [own.namespace] if resource.namespaced else [""]
            scopes += [KUBE_SYSTEM] if kind == "RoleBinding" else []
            for scope in scopes:
                store = self._managed[(kind, scope)] = Store()
                brief = kind in METADATA_ONLY
                self._reflectors.append(
                    Reflector(kube, resource, store, scope or None, MANAGED_SELECTOR, metadata_only=brief)
                )
        self._listeners: list[Callable[[], None]] = []
        self._prometheus = PrometheusWatch(kube, own.runbooks, self._changed)
        self._managed |= {(kind, ""): store for kind, store in self._prometheus.stores.items()}
        self._reflectors[0].subscribe(lambda _old, new: self._prometheus.kubevirt_changed(new))
        self._settled: dict[Ref, str] = {}
        self._facts = pki.FactCache()

    async def run(self) -> None:
        await together(*(reflector.run() for reflector in self._reflectors), self._prometheus.run())

    async def synced(self) -> None:
        await when_synced(*(reflector.store.synced for reflector in self._reflectors), self._prometheus.looked)

    def on_change(self, tell: Callable[[], None]) -> None:
        """`tell` is called for every change of anything watched, except those that `remember` knew before."""
        self._listeners.append(tell)
        for reflector in self._reflectors:
            reflector.subscribe(lambda _old, _new: tell())

    def _changed(self) -> None:
        for tell in self._listeners:
            tell()

    async def observe(self, failure: str = "") -> Observed:
        kubevirts = tuple(self._kubevirts.list())
        removing = any(each["metadata"].get("deletionTimestamp") for each in kubevirts)
        managed = {
            Ref(kind, body["metadata"].get("namespace", ""), body["metadata"]["name"]): body
            for (kind, _), store in self._managed.items()
            for body in store.list()
        }
        return Observed(
            own=self._own,
            kubevirts=kubevirts,
            managed=managed,
            held=self._held(managed),
            workloads=await self._workloads() if removing else None,
            requests=await self._requests() if removing else (),
            failure=failure,
            settled=frozenset(self._settled.items()),
            prometheus=self._prometheus.found,
        )

    def remember(self, ref: Ref, applied: Json, wanted: Json) -> None:
        """What the API server made of an apply, before the watch tells."""
        if hash_of(applied) and not contains(applied, wanted):
            self._settled[ref] = hash_of(applied)
        self._store(ref).put_answer(applied)

    def kubevirt(self, ref: Ref) -> Json | None:
        return self._kubevirts.get(f"{ref.namespace}/{ref.name}")

    def remember_kubevirt(self, raw: Json) -> None:
        if self._kubevirts.get(key_of(raw)) is not None:
            self._kubevirts.put_answer(raw)

    def managed(self, ref: Ref) -> Json | None:
        return self._store(ref).get(f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name)

    def _store(self, ref: Ref) -> Store:
        """The one for its namespace, or for all."""
        return self._managed.get((ref.kind, ref.namespace)) or self._managed[(ref.kind, "")]

    def secret(self, name: str) -> Json | None:
        return self.managed(Ref("Secret", self._own.namespace, name))

    def _held(self, managed: dict[Ref, Json]) -> Held:
        secrets = {ref.name: body for ref, body in managed.items() if ref.kind == "Secret"}
        bundle = managed.get(Ref("ConfigMap", self._own.namespace, CA_CONFIGMAP), {}).get("data") or {}
        authority = secrets.pop(CA_SECRET, None)
        present, former = self._facts.authorities(authority) if authority else (None, None)
        return Held(
            authority=present,
            former=former,
            bundle=pki.authorities(bundle.get(KEY, "")),
            leaves={name: leaf for name, body in secrets.items() if (leaf := self._facts.leaf(body))},
        )

    async def _workloads(self) -> tuple[Json, ...]:
        lists = await asyncio.gather(*(self._list(kind) for kind in WORKLOADS))
        return tuple(body for listed in lists for body in listed)

    async def _requests(self) -> tuple[Json, ...]:
        selector = f"spec.signerName={HANDLER_SIGNER}"
        return tuple(await self._kube.list(CERTIFICATE_SIGNING_REQUESTS, field_selector=selector))

    async def _list(self, kind: str) -> list[Json]:
        try:
            return await self._kube.list(WORKLOADS[kind])
        except NotFound:  # its CRD is gone already
            return []
