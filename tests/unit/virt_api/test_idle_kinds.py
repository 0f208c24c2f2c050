"""Kinds without a controller: each creation is refused with the reason, and somebody is asked about each."""

from __future__ import annotations

import pytest

from api.crd import KINDS
from tests.unit.virt_api.worlds import ask
from virt_api.plan.admission import ADMISSIONS
from virt_model.idle_kinds import IDLE_KINDS
from virt_operator.plan.webhooks import MUTATING, OPERATOR_HOOKS, REFUSING, VALIDATING

BY_SCHEMA = {"maintenances"}
"""The API server's own check of their schema is enough."""
EVICTIONS = "pods/eviction"
"""Of pods, and answered by asking about their guests: see `test_evictions`."""


@pytest.mark.parametrize("hook", REFUSING, ids=lambda hook: hook.plural)
def test_a_creation_is_refused_with_the_reason(hook: object) -> None:
    row = next(each for each in KINDS.values() if each.plural == hook.plural)
    response = ask(hook.path, {"kind": row.name, "metadata": {"name": "x"}})
    assert not response["allowed"]
    (cause,) = response["status"]["details"]["causes"]
    assert (response["status"]["code"], cause["reason"], cause["field"]) == (422, "FieldValueNotSupported", "kind")
    assert cause["message"] == f"{row.name}: {IDLE_KINDS[row.name]}: not supported yet"


def test_every_kind_without_a_controller_is_asked_about_in_every_version() -> None:
    asked = {(hook.group, hook.plural): set(hook.versions) for hook in REFUSING}
    idle = [KINDS[kind] for kind in IDLE_KINDS]
    assert asked == {(row.group.name, row.plural): {each.name for each in row.group.versions} for row in idle}
    assert all(hook.operations == ("CREATE",) for hook in REFUSING)


def test_every_kind_is_judged_or_refused() -> None:
    judged = {hook.plural for hook in (*VALIDATING, *OPERATOR_HOOKS, *REFUSING) if "CREATE" in hook.operations}
    assert judged - {EVICTIONS} == {row.plural for row in KINDS.values()} - BY_SCHEMA


def test_every_hook_has_an_answer_and_every_answer_a_hook() -> None:
    asked = {hook.path for hook in (*MUTATING, *VALIDATING, *REFUSING) if hook.plural != EVICTIONS}
    assert asked == ADMISSIONS.keys()
