"""What a MigrationPolicy may say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.virt_api.worlds import admit, ask

POLICY = {"metadata": {"name": "p"}, "spec": {"selectors": {}, "bandwidthPerMigration": "64Mi"}}


def changed(**spec: Any) -> dict[str, Any]:
    return {**POLICY, "spec": {**POLICY["spec"], **spec}}


def test_a_policy_is_accepted() -> None:
    assert admit("migrationpolicies", changed(completionTimeoutPerGiB=0, allowPostCopy=True))[0] == 201


@pytest.mark.parametrize(
    "spec, field, message",
    [
        ({"completionTimeoutPerGiB": -1}, "completionTimeoutPerGiB", "must not be negative"),
        ({"bandwidthPerMigration": "-1Mi"}, "bandwidthPerMigration", "must not be negative"),
        ({"bandwidthPerMigration": -5}, "bandwidthPerMigration", "must not be negative"),
        ({"experimental": {}}, "experimental", "migration settings under trial: not supported yet"),
    ],
)  # fmt: skip
def test_an_offence_is_told_with_its_field(spec: dict[str, Any], field: str, message: str) -> None:
    code, status = admit("migrationpolicies", changed(**spec))
    (cause,) = status["details"]["causes"]
    assert code == 422 and cause["field"] == f"spec.{field}"
    assert cause["message"] == f"spec.{field}: {message}"


@pytest.mark.parametrize("spec", [None, 1, [], {"bandwidthPerMigration": "-x"}, {"completionTimeoutPerGiB": "x"}])
def test_nonsense_is_left_to_the_schema(spec: Any) -> None:
    assert ask("/migration-policy-validate-create", {"metadata": {}, "spec": spec})["allowed"]


def test_an_old_policy_can_still_be_labelled() -> None:
    old = changed(experimental={})
    new = {**old, "metadata": {"name": "p", "labels": {"a": "b"}}}
    assert ask("/migration-policy-validate-create", new, old)["allowed"]
    assert not ask("/migration-policy-validate-create", changed(experimental={}), POLICY)["allowed"]
