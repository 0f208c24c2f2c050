"""Keeps the guest's keys and passwords as the Secrets have them, by its agent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from api.access import AccessCredential
from virt_ipc.agent import AccessReport
from virt_ipc.errors import LauncherRefused
from virt_launcher.adapters.secrets import read_secret
from virt_launcher.plan import access
from virt_launcher.plan.access import Login
from virt_launcher.plan.refusal import CannotBuild

Ask = Callable[..., Any]


class Access:
    """`ask(command, **arguments)` asks the agent; `tell` gets each new outcome."""

    def __init__(self, credentials: Sequence[AccessCredential], ask: Ask, tell: Callable[[AccessReport], None]) -> None:
        self._credentials, self._ask, self._tell = credentials, ask, tell
        self._set: tuple[Login, ...] | None = None
        """What the guest has; None: nobody knows."""

    def forget(self) -> None:
        """The agent went: what comes back may be another system."""
        self._set = None

    def keep(self) -> None:
        """Set what has changed in the Secrets."""
        try:
            names = access.secrets_of(self._credentials)
            wanted = access.logins(self._credentials, {name: read_secret(name) for name in names})
            if wanted == self._set:
                return
            for login in wanted:
                self._let_in(login)
        except (LauncherRefused, CannotBuild, OSError) as error:
            self._tell(AccessReport(synchronized=False, message=str(error)[:1000]))
            return
        self._set = wanted
        self._tell(AccessReport(synchronized=True))

    def _let_in(self, login: Login) -> None:
        if login.keys:
            self._ask("guest-ssh-add-authorized-keys", username=login.user, keys=login.keys, reset=True)
        if login.password is not None:
            encoded = base64.b64encode(login.password).decode()
            self._ask("guest-set-user-password", username=login.user, password=encoded, crypted=False)
