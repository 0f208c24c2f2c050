"""The contract of the API, on the fake one; tests/e2e/test_kube_contract.py runs the same on a real one."""

from __future__ import annotations

import pytest

from tests.fakes.kube import fake_kube
from tests.fakes.kube_contract import CONTRACTS, Contract


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: each.__name__)
async def test_the_fake_behaves_like_the_real_one(contract: Contract) -> None:
    async with fake_kube() as (_, kube):
        await contract(kube, "ns")
