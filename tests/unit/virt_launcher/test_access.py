"""Keys and passwords of the guest: which are set, when, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.access import AccessCredential
from virt_ipc.agent import AccessReport
from virt_ipc.errors import LauncherRefused
from virt_launcher.adapters.access import Access
from virt_launcher.plan.access import Login, logins, secrets_of
from virt_model import paths

BY_AGENT = {"qemuGuestAgent": {"users": ["root", "ada"]}}


def key(secret: str, method: dict[str, Any] = BY_AGENT) -> dict[str, Any]:
    return {"sshPublicKey": {"source": {"secret": {"secretName": secret}}, "propagationMethod": method}}


def word(secret: str) -> dict[str, Any]:
    source = {"secret": {"secretName": secret}}
    return {"userPassword": {"source": source, "propagationMethod": {"qemuGuestAgent": {}}}}


def given(*credentials: dict[str, Any]) -> tuple[AccessCredential, ...]:
    return msgspec.convert(credentials, tuple[AccessCredential, ...])


def test_keys_and_passwords_by_user() -> None:
    for_ada, by_cloud_init = key("two", {"qemuGuestAgent": {"users": ["ada"]}}), key("iso", {"noCloud": {}})
    credentials = given(key("one"), for_ada, by_cloud_init, word("w"))
    assert secrets_of(credentials) == ("one", "two", "w")
    secrets = {
        "one": {"b": b"K2\n", "a": b"K1\n# mine\n\n"},
        "two": {"a": b"K1\nK3"},
        "w": {"bob": b"pw", "ada": b"\xff"},
    }
    assert logins(credentials, secrets) == (
        Login("ada", ("K1", "K2", "K3"), b"\xff"),
        Login("bob", (), b"pw"),
        Login("root", ("K1", "K2"), None),
    )
    assert logins(credentials, {}) == ()


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.told: list[AccessReport] = []
        self.refusal = ""

    def ask(self, command: str, **arguments: Any) -> None:
        if self.refusal:
            raise LauncherRefused(self.refusal)
        self.asked.append((command, arguments))

    def secret(self, name: str, **values: bytes) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        for file, content in values.items():
            (self.folder / name / file).write_bytes(content)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(paths, "access_credential_secret", lambda name: str(tmp_path / name))
    return World(tmp_path)


def test_they_are_set_when_they_change_and_when_the_agent_came_anew(world: World) -> None:
    world.secret("k", mine=b"K1")
    world.secret("w", ada=b"pw")
    access = Access(given(key("k", {"qemuGuestAgent": {"users": ["ada"]}}), word("w")), world.ask, world.told.append)
    access.keep()
    both = [
        ("guest-ssh-add-authorized-keys", {"username": "ada", "keys": ("K1",), "reset": True}),
        ("guest-set-user-password", {"username": "ada", "password": "cHc=", "crypted": False}),
    ]
    assert (world.asked, world.told) == (both, [AccessReport(synchronized=True)])
    access.keep()
    assert world.asked == both
    world.secret("k", mine=b"K2")
    access.keep()
    assert world.asked[2][1]["keys"] == ("K2",)
    access.forget()
    access.keep()
    assert len(world.asked) == 6


def test_what_fails_is_told_and_tried_again(world: World) -> None:
    world.secret("w", nobody=b"pw")
    access = Access(given(word("w")), world.ask, world.told.append)
    world.refusal = "no such user"
    access.keep()
    assert world.told == [AccessReport(synchronized=False, message="no such user")]
    world.refusal = ""
    access.keep()
    assert world.told[-1] == AccessReport(synchronized=True)
