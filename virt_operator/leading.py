"""What the leading replica does: watch, decide, perform, until all is as the KubeVirt object says. Wiring only."""

from __future__ import annotations

from datetime import UTC, datetime

from virt_operator.adapters.cluster import Cluster
from virt_operator.adapters.perform import Performer, Refused
from virt_operator.adapters.signer import RequestSigner
from virt_operator.plan import step
from virt_operator.plan.names import OPERATOR
from virt_operator.plan.observed import Own
from virt_runtime import log
from virt_runtime.kube import KubeClient
from virt_runtime.loop import Loop
from virt_runtime.process import together
from virt_runtime.queue import WorkQueue

WORLD = "world"
#: seconds; what we did is in the cache already, so the watch tells nothing new and we look again ourselves
AFTER_ACTION = 0.01


async def lead(kube: KubeClient, own: Own, queue: WorkQueue) -> None:
    cluster = Cluster(kube, own)
    performer = Performer(kube, cluster, own.namespace)
    failure = ""

    async def reconcile(_key: str) -> float | None:
        nonlocal failure
        plan = step.decide(await cluster.observe(failure), datetime.now(UTC))
        try:
            await performer.perform(plan)
        except Refused as refusal:
            failure = refusal.message
            raise
        failure = ""
        return AFTER_ACTION if plan.actions else plan.again_in

    async def begin() -> None:
        await cluster.synced()
        cluster.on_change(lambda: queue.add(WORLD))
        queue.add(WORLD)
        await Loop(OPERATOR, queue, reconcile, lambda _key: log.about(kind="KubeVirt", namespace=own.namespace)).run()

    await together(cluster.run(), RequestSigner(kube, cluster, own.namespace).run(), begin())
