"""Secrets that a VM's access credentials name: which one to change, and how."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from virtctl.failure import CommandFailed

Json = dict[str, Any]
_CREDENTIALS = "/spec/template/spec/accessCredentials"


def _credentials(vm: Json) -> list[Json]:
    return ((vm["spec"].get("template") or {}).get("spec") or {}).get("accessCredentials") or []


def ssh_secrets(vm: Json, user: str) -> list[str]:
    """Names of the Secrets with keys that the guest's agent gives to the user."""
    found = []
    for each in _credentials(vm):
        users = (_method(each, "sshPublicKey").get("qemuGuestAgent") or {}).get("users") or ()
        if user in users and (name := _secret(each, "sshPublicKey")):
            found.append(name)
    return found


def password_secrets(vm: Json) -> list[str]:
    """Names of the Secrets with passwords that the guest's agent sets."""
    return [
        name
        for each in _credentials(vm)
        if "qemuGuestAgent" in _method(each, "userPassword") and (name := _secret(each, "userPassword"))
    ]


def _method(credential: Json, kind: str) -> Json:
    return (credential.get(kind) or {}).get("propagationMethod") or {}


def _secret(credential: Json, kind: str) -> str:
    source = (credential.get(kind) or {}).get("source") or {}
    return (source.get("secret") or {}).get("secretName") or ""


def chosen(asked_for: str, secrets: Sequence[str]) -> str:
    """The one Secret to change. Raises CommandFailed."""
    if asked_for:
        if asked_for not in secrets:
            raise CommandFailed(f"secret {asked_for} was not assigned")
        return asked_for
    if len(secrets) > 1:
        raise CommandFailed("multiple secrets specified, use option --secret to specify which secret to modify")
    return secrets[0]


def check_owned(secret: Json, vm: Json) -> None:
    """A Secret that is not the VM's own may be that of other VMs too. Raises CommandFailed."""
    mine = vm["metadata"]
    for owner in secret["metadata"].get("ownerReferences") or ():
        if (owner["kind"], owner["name"], owner["uid"]) == ("VirtualMachine", mine["name"], mine["uid"]):
            return
    name = secret["metadata"]["name"]
    raise CommandFailed(f"secret {name} does not have an owner reference pointing to VM {mine['name']}")


def new_secret(vm: Json, entry: str, key: str) -> Json:
    mine = vm["metadata"]
    owner = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "name": mine["name"],
        "uid": mine["uid"],
        "controller": True,
    }
    metadata = {"generateName": f"{mine['name']}-ssh-key-", "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {entry: _encoded(key)}}


def credential_patch(vm: Json, secret: str, user: str) -> list[Json]:
    """JSON Patch of the VM: the keys in the Secret are the user's."""
    credential = {
        "sshPublicKey": {
            "source": {"secret": {"secretName": secret}},
            "propagationMethod": {"qemuGuestAgent": {"users": [user]}},
        }
    }
    if _credentials(vm):
        return [{"op": "add", "path": f"{_CREDENTIALS}/-", "value": credential}]
    return [
        {"op": "test", "path": _CREDENTIALS, "value": None},
        {"op": "add", "path": _CREDENTIALS, "value": [credential]},
    ]


def data_patch(secret: Json, entry: str, value: str) -> list[Json]:
    """JSON Patch of the Secret: one entry more, or another value of it."""
    if secret.get("data") is not None:
        pointer = entry.replace("~", "~0").replace("/", "~1")
        return [{"op": "add", "path": f"/data/{pointer}", "value": _encoded(value)}]
    return [
        {"op": "test", "path": "/data", "value": None},
        {"op": "add", "path": "/data", "value": {entry: _encoded(value)}},
    ]


def contains(secret: Json, key: str) -> bool:
    return any(_is_key(line, key) for text in _texts(secret).values() for line in text.split("\n"))


def without_key(secret: Json, key: str) -> Json:
    """The Secret's data without lines that hold the key, and without entries that are then empty."""
    kept = {}
    for entry, text in _texts(secret).items():
        lines = [line for line in text.split("\n") if line.strip() and not _is_key(line, key)]
        if lines:
            kept[entry] = _encoded("\n".join(lines))
    return kept


def _is_key(line: str, key: str) -> bool:
    """A comment behind the key does not make it another."""
    return line.strip().startswith(key)


def _texts(secret: Json) -> dict[str, str]:
    data: dict[str, str] = secret.get("data") or {}
    return {entry: base64.b64decode(value).decode(errors="surrogateescape") for entry, value in data.items()}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode(errors="surrogateescape")).decode()
