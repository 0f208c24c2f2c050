"""What virt-api keeps at hand so that no admission waits for a call: the configuration, and whom to believe.

Both come from watches. Without a KubeVirt object the defaults hold; without the front proxy's ConfigMap nobody is
believed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from virt_model.config import ClusterConfig, from_kubevirt
from virt_runtime.front_proxy import CONFIGMAP_NAME, CONFIGMAP_NAMESPACE, FrontProxy
from virt_runtime.kube import KubeClient
from virt_runtime.process import together
from virt_runtime.reflector import Reflector
from virt_runtime.resources import CONFIGMAPS, KUBEVIRTS, Json
from virt_runtime.store import Store

LOG = logging.getLogger(__name__)
NOBODY = FrontProxy(client_ca=b"")


class Knowledge:
    """`config` and `front_proxy` are always the newest; `run()` keeps them so."""

    def __init__(self, kube: KubeClient) -> None:
        self.config: ClusterConfig = from_kubevirt(None)
        self.config_version = ""
        self.front_proxy: FrontProxy = NOBODY
        self._tell_config: list[Callable[[ClusterConfig], None]] = []
        self._kubevirts, self._proxies = Store(), Store()
        self._reflectors = (
            Reflector(kube, KUBEVIRTS, self._kubevirts),
            Reflector(
                kube, CONFIGMAPS, self._proxies, CONFIGMAP_NAMESPACE, field_selector=f"metadata.name={CONFIGMAP_NAME}"
            ),
        )
        self._reflectors[0].subscribe(self._see_kubevirt)
        self._reflectors[1].subscribe(self._see_front_proxy)

    @property
    def synced(self) -> bool:
        return self._kubevirts.synced.is_set() and self._proxies.synced.is_set()

    async def wait(self) -> None:
        """Until both have been read once."""
        await self._kubevirts.synced.wait()
        await self._proxies.synced.wait()

    async def run(self) -> None:
        await together(*(reflector.run() for reflector in self._reflectors))

    def on_config(self, tell: Callable[[ClusterConfig], None]) -> None:
        """`tell` is called with each new configuration."""
        self._tell_config.append(tell)

    def client_ca(self) -> bytes:
        """The authorities that may vouch for a front proxy, as PEM."""
        return self.front_proxy.client_ca

    def _see_kubevirt(self, _old: Json | None, _new: Json | None) -> None:
        present = self._kubevirts.list()
        chosen = min(present, key=_age, default=None)
        self.config = from_kubevirt(chosen)
        self.config_version = chosen["metadata"]["resourceVersion"] if chosen else ""
        for tell in self._tell_config:
            tell(self.config)

    def _see_front_proxy(self, _old: Json | None, new: Json | None) -> None:
        try:
            self.front_proxy = FrontProxy.from_configmap(new) if new else NOBODY
        except ValueError as error:
            LOG.error("ConfigMap %s/%s is unreadable: %s", CONFIGMAP_NAMESPACE, CONFIGMAP_NAME, error)
            self.front_proxy = NOBODY


def _age(kubevirt: Json) -> tuple[str, str]:
    """A cluster has one KubeVirt object; should a second slip in, the older one counts."""
    metadata = kubevirt["metadata"]
    return (str(metadata.get("creationTimestamp")), str(metadata.get("uid")))
