"""The contract of the API, on a real one: what the fake of the unit tests promises, Kubernetes keeps."""

import pytest

from tests.e2e.harness.cluster import Cluster
from tests.fakes.kube_contract import CONTRACTS, Contract
from virt_runtime.kube import KubeClient


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: each.__name__)
async def test_the_real_one_behaves_so(contract: Contract, cluster: Cluster, namespace: str) -> None:
    async with KubeClient.connect(cluster.kubeconfig, "e2e") as kube:
        await contract(kube, namespace)
