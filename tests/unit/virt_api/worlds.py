"""Admission requests, run through the webhooks of a kind one after the other, as the API server does."""

from __future__ import annotations

import base64
import json
from typing import Any

import jsonpatch

from virt_api.plan.admission import World, answer
from virt_api.plan.defaults.vmi import Chance
from virt_api.plan.rules.migration import MigrationNews
from virt_model.config import ClusterConfig

USER = {"username": "kubernetes-admin", "groups": ["system:masters"]}
CONTROLLER = {"username": "system:serviceaccount:kubevirt:kubevirt-controller"}
CHANCE = Chance(
    uuid="11111111-1111-4111-8111-111111111111",
    serial="22222222-2222-4222-8222-222222222222",
    now="2026-11-24T12:00:00Z",
)

# plural -> (operation -> (name, path) of the mutating webhook, of the validating one)
WEBHOOKS = {
    "virtualmachines": {
        "CREATE": (
            ("virtualmachines-mutator.kubevirt.io", "/virtualmachines-mutate"),
            ("virtualmachine-validator.kubevirt.io", "/virtualmachines-validate"),
        ),
        "UPDATE": (
            ("virtualmachines-mutator.kubevirt.io", "/virtualmachines-mutate"),
            ("virtualmachine-validator.kubevirt.io", "/virtualmachines-validate"),
        ),
    },
    "virtualmachineinstances": {
        "CREATE": (
            ("virtualmachineinstances-mutator.kubevirt.io", "/virtualmachineinstances-mutate"),
            ("virtualmachineinstances-create-validator.kubevirt.io", "/virtualmachineinstances-validate-create"),
        ),
        "UPDATE": (
            ("virtualmachineinstances-mutator.kubevirt.io", "/virtualmachineinstances-mutate"),
            ("virtualmachineinstances-update-validator.kubevirt.io", "/virtualmachineinstances-validate-update"),
        ),
    },
    "virtualmachineinstancereplicasets": {
        "CREATE": (("virtualmachinereplicaset-validator.kubevirt.io", "/virtualmachinereplicaset-validate"),),
    },
    "virtualmachineinstancemigrations": {
        "CREATE": (
            ("migrations-mutator.kubevirt.io", "/migration-mutate-create"),
            ("migration-create-validator.kubevirt.io", "/migration-validate-create"),
        ),
        "UPDATE": (("migration-update-validator.kubevirt.io", "/migration-validate-update"),),
    },
    "migrationpolicies": {
        "CREATE": (("migration-policy-validator.kubevirt.io", "/migration-policy-validate-create"),),
    },
}


def world(config: ClusterConfig | None = None, news: MigrationNews | None = None) -> World:
    return World(
        config=config or ClusterConfig(),
        namespace="kubevirt",
        chance=CHANCE,
        news=news or MigrationNews(vmi=None, others=()),
    )


def ask(path: str, new: Any, old: Any = None, user: dict[str, Any] = USER, around: World | None = None) -> Any:
    """The `response` of one webhook."""
    request = {
        "uid": "u",
        "operation": "CREATE" if old is None else "UPDATE",
        "userInfo": user,
        "object": new,
        "oldObject": old,
    }
    review = answer(path, request, around or world())
    assert json.loads(json.dumps(review)) == review
    assert review["response"]["uid"] == "u"
    return review["response"]


def patched(new: Any, response: Any) -> Any:
    """The object with the response's patch applied."""
    if "patch" not in response:
        return new
    return jsonpatch.apply_patch(new, json.loads(base64.b64decode(response["patch"])))


def admit(
    plural: str, new: Any, old: Any = None, user: dict[str, Any] = USER, around: World | None = None
) -> tuple[int, Any]:
    """(HTTP status, stored object or Status) of a request whose object is `new`, as the API server gives it."""
    operation = "CREATE" if old is None else "UPDATE"
    for name, path in WEBHOOKS[plural][operation]:
        response = ask(path, new, old, user, around)
        if not response["allowed"]:
            status = response["status"]
            message = f'admission webhook "{name}" denied the request: {status["message"]}'
            return status["code"], {**status, "message": message}
        new = patched(new, response)
    return (201 if old is None else 200), new
