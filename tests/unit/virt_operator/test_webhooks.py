"""What the API server is told to ask virt-api about."""

from __future__ import annotations

from virt_operator.plan import webhooks


def test_evictions_of_launchers_alone_are_asked_about_and_a_dry_run_writes_nothing() -> None:
    (_, validating, _) = webhooks.objects("kubevirt", b"ca")
    (hook,) = [each for each in validating["webhooks"] if "eviction" in each["name"]]
    assert hook["name"] == "virt-launcher-eviction-interceptor.kubevirt.io"
    assert hook["clientConfig"]["service"]["path"] == "/pod-eviction-validate"
    assert hook["rules"] == [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["pods/eviction"],
            "scope": "*",
        }
    ]
    assert (hook["failurePolicy"], hook["sideEffects"]) == ("Fail", "NoneOnDryRun")
    assert hook["matchConditions"] == [{"name": "only-ours", "expression": "request.name.startsWith('virt-launcher-')"}]
    others = [each for each in validating["webhooks"] if each is not hook]
    assert all("matchConditions" not in each and each["sideEffects"] == "None" for each in others)
