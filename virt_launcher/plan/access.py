"""Which keys and passwords the guest agent sets: from the VMI's access credentials and what their Secrets hold now.

Keys and passwords that travel by cloud-init are on its disk (see `cloud_init`), and are no business of the agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from api.access import AccessCredential

Secrets = Mapping[str, Mapping[str, bytes]]
"""By a Secret's name: its keys and values."""


class Login(msgspec.Struct, frozen=True):
    """How one user of the guest gets in; None and no keys where that is not ours to set."""

    user: str
    keys: tuple[str, ...] = ()
    """Of `authorized_keys`, in place of all that are there."""
    password: bytes | None = None


def secrets_of(credentials: Sequence[AccessCredential]) -> tuple[str, ...]:
    """Names of the Secrets that the agent's credentials name, each once."""
    return tuple(dict.fromkeys([*(name for name, _ in _keys(credentials)), *_passwords(credentials)]))


def logins(credentials: Sequence[AccessCredential], secrets: Secrets) -> tuple[Login, ...]:
    """What is to be set, sorted by user. A user whose Secrets are all empty is left alone."""
    keys: dict[str, list[str]] = {}
    for name, users in _keys(credentials):
        for user in users:
            keys.setdefault(user, []).extend(_lines(secrets.get(name, {})))
    passwords: dict[str, bytes] = {}
    for name in _passwords(credentials):
        passwords |= secrets.get(name, {})
    found = (
        Login(user, tuple(dict.fromkeys(keys.get(user, ()))), passwords.get(user))
        for user in sorted({*keys, *passwords})
    )
    return tuple(each for each in found if each.keys or each.password)


def _keys(credentials: Sequence[AccessCredential]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Secrets with keys, and the users who get them."""
    for each in credentials:
        ssh = each.ssh_public_key
        if ssh and ssh.source.secret and ssh.propagation_method.qemu_guest_agent:
            yield ssh.source.secret.secret_name, ssh.propagation_method.qemu_guest_agent.users


def _passwords(credentials: Sequence[AccessCredential]) -> Iterator[str]:
    """Secrets with passwords by user."""
    for each in credentials:
        word = each.user_password
        if word and word.source.secret and word.propagation_method.qemu_guest_agent:
            yield word.source.secret.secret_name


def _lines(secret: Mapping[str, bytes]) -> Iterator[str]:
    """Every key of every entry; an entry may hold several, one a line."""
    for _, value in sorted(secret.items()):
        for line in value.decode(errors="replace").splitlines():
            if (key := line.strip()) and not key.startswith("#"):
                yield key
