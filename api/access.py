"""Access credentials: SSH keys and passwords from Secrets, brought into the guest."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.marks import SET_LIST
from api.view import View


class AccessCredentialSecretSource(View, frozen=True, kw_only=True):
    """A Secret with credentials."""

    secret_name: str
    """Name of the Secret."""


class SSHPublicKeyAccessCredentialSource(View, frozen=True, kw_only=True):
    """Where SSH keys come from."""

    secret: AccessCredentialSecretSource | None = None
    """Secret with one public key per entry."""


class ConfigDriveSSHPublicKeyAccessCredentialPropagation(View, frozen=True, kw_only=True):
    """Keys through cloud-init's config drive, at first boot."""


class NoCloudSSHPublicKeyAccessCredentialPropagation(View, frozen=True, kw_only=True):
    """Keys through cloud-init's NoCloud disk, at first boot."""


class QemuGuestAgentSSHPublicKeyAccessCredentialPropagation(View, frozen=True, kw_only=True):
    """Keys through the guest agent, while the guest runs."""

    users: Annotated[tuple[str, ...], SET_LIST]
    """Users whose authorized keys are written."""


class SSHPublicKeyAccessCredentialPropagationMethod(View, frozen=True, kw_only=True):
    """How SSH keys reach the guest; one of the three."""

    config_drive: ConfigDriveSSHPublicKeyAccessCredentialPropagation | None = None
    """By the config drive."""
    no_cloud: NoCloudSSHPublicKeyAccessCredentialPropagation | None = None
    """By the NoCloud disk."""
    qemu_guest_agent: QemuGuestAgentSSHPublicKeyAccessCredentialPropagation | None = None
    """By the guest agent."""


class SSHPublicKeyAccessCredential(View, frozen=True, kw_only=True):
    """SSH keys that may log in."""

    source: SSHPublicKeyAccessCredentialSource
    """Where the keys are."""
    propagation_method: SSHPublicKeyAccessCredentialPropagationMethod
    """How they get in."""


class UserPasswordAccessCredentialSource(View, frozen=True, kw_only=True):
    """Where passwords come from."""

    secret: AccessCredentialSecretSource | None = None
    """Secret with user names as keys and passwords as values."""


class QemuGuestAgentUserPasswordAccessCredentialPropagation(View, frozen=True, kw_only=True):
    """Passwords through the guest agent."""


class UserPasswordAccessCredentialPropagationMethod(View, frozen=True, kw_only=True):
    """How passwords reach the guest."""

    qemu_guest_agent: QemuGuestAgentUserPasswordAccessCredentialPropagation | None = None
    """By the agent, the only way."""


class UserPasswordAccessCredential(View, frozen=True, kw_only=True):
    """Passwords of the guest's users."""

    source: UserPasswordAccessCredentialSource
    """Where the passwords are."""
    propagation_method: UserPasswordAccessCredentialPropagationMethod
    """How they are set."""


class AccessCredential(View, frozen=True, kw_only=True):
    """One credential; one of the two kinds."""

    ssh_public_key: SSHPublicKeyAccessCredential | None = field(name="sshPublicKey", default=None)
    """SSH keys."""
    user_password: UserPasswordAccessCredential | None = None
    """Passwords."""
