"""How somebody gets into a new VM: access credentials, and the cloud-init data that is made or passed on."""

from __future__ import annotations

from typing import Any, Final

from virtctl.failure import CommandFailed
from virtctl.plan.create.params import Values, needed, parsed, prefixed, wrong
from virtctl.plan.create.wish import CLOUD_INIT_DISK, Draft, texts

Json = dict[str, Any]
CREDENTIAL: Final = texts("type", "src", "method", "user")
#: the types of cloud-init data, by their names in a manifest
CLOUD_INIT: Final = {"nocloud": "cloudInitNoCloud", "configdrive": "cloudInitConfigDrive"}
_METHODS: Final = {"nocloud": "noCloud", "configdrive": "configDrive"}
_NONE: Final = "none"
_HEADER: Final = "#cloud-config"
_FLAG: Final = "access-cred"
_CLOUD_FLAGS: Final = ("password-file", "ssh-key", "ga-manage-ssh", "cloud-init-user-data", "cloud-init-network-data")
_NO_USER: Final = "user cannot be specified with selected access credential type and method"


class Login:
    """What the credentials have to say about the cloud-init data that is made after them."""

    def __init__(self, draft: Draft) -> None:
        wish = draft.wish
        self.cloud_init, self.said = wish.cloud_init, set(wish.said)
        self.ga_manage_ssh = wish.ga_manage_ssh


def logins(draft: Draft) -> None:
    login = Login(draft)
    for text in draft.wish.access_cred:
        values = parsed(_FLAG, text, CREDENTIAL)
        source = needed(_FLAG, values, "src")
        namespace, name = prefixed(_FLAG, source, "src invalid: ")
        if namespace:
            raise wrong(_FLAG, f'not allowed to specify namespace of secret "{name}"')
        draft.guest.setdefault("accessCredentials", []).append(_credential(draft, login, values))
    _cloud_init(draft, login)


def _credential(draft: Draft, login: Login, values: Values) -> Json:
    kind = (values.get("type") or "ssh").lower()
    if kind == "ssh":
        return _credential_of("sshPublicKey", values, _ssh_method(draft, login, values))
    if kind != "password":
        text = f'invalid access credential type "{values["type"]}", supported values are: ssh, password'
        raise wrong(_FLAG, text)
    if (values.get("method") or "ga").lower() != "ga":
        text = f'invalid access credentials password method "{values["method"]}", supported values are: ga'
        raise wrong(_FLAG, text)
    if values.get("user"):
        raise wrong(_FLAG, _NO_USER)
    return _credential_of("userPassword", values, {"qemuGuestAgent": {}})


def _credential_of(kind: str, values: Values, method: Json) -> Json:
    return {kind: {"source": {"secret": {"secretName": values["src"]}}, "propagationMethod": method}}


def _ssh_method(draft: Draft, login: Login, values: Values) -> Json:
    method = (values.get("method") or "ga").lower()
    if method == "ga":
        user = values.get("user") or draft.wish.user
        if not user:
            text = 'user must be specified with access credential ssh method ga ("--user" flag or param "user")'
            raise wrong(_FLAG, text)
        if "ga-manage-ssh" not in login.said:
            login.said.add("ga-manage-ssh")
            login.ga_manage_ssh = True
        return {"qemuGuestAgent": {"users": [user]}}
    if method not in _METHODS:
        supported = ", ".join(("ga", *_METHODS))
        text = f'invalid access credentials ssh method "{values["method"]}", supported values are: {supported}'
        raise wrong(_FLAG, text)
    if values.get("user"):
        raise wrong(_FLAG, _NO_USER)
    if "cloud-init" not in login.said:
        login.said.add("cloud-init")
        login.cloud_init = method
    if login.cloud_init.lower() != method:
        text = f"method param and value passed to --cloud-init have to match: {method} vs {login.cloud_init}"
        raise wrong(_FLAG, text)
    return {_METHODS[method]: {}}


def _cloud_init(draft: Draft, login: Login) -> None:
    if not login.said.intersection(("user", "cloud-init", *_CLOUD_FLAGS)):
        return
    if "password-file" in login.said:
        draft.warnings.append("WARNING: --password-file: The password is stored in cleartext in the VM definition!")
    if draft.volume(CLOUD_INIT_DISK) is not None:
        raise CommandFailed(f'there is already a volume with name "{CLOUD_INIT_DISK}"')
    kind = login.cloud_init.lower()
    if kind == _NONE:
        if login.said.intersection(_CLOUD_FLAGS):
            text = "was set to none, not creating a data source although other cloud-init options were set"
            draft.warnings.append(f"WARNING: --cloud-init: {text}")
        return
    if kind not in CLOUD_INIT:
        supported = ", ".join((*CLOUD_INIT, _NONE))
        text = f'invalid cloud-init data source type "{login.cloud_init}", supported values are: {supported}'
        raise wrong("cloud-init", text)
    source = _data(draft, login)
    if "cloud-init" in login.said or source != {"userData": _HEADER}:
        draft.volumes.append({"name": CLOUD_INIT_DISK, CLOUD_INIT[kind]: source})


def _data(draft: Draft, login: Login) -> Json:
    wish = draft.wish
    network = {"networkDataBase64": wish.cloud_init_network_data} if wish.cloud_init_network_data else {}
    if wish.cloud_init_user_data:
        return {"userDataBase64": wish.cloud_init_user_data, **network}
    lines = [_HEADER]
    if wish.user:
        lines.append(f"user: {wish.user}")
    if wish.password:
        lines += [f"password: {wish.password}", "chpasswd: { expire: False }"]
    if wish.ssh_key:
        lines += ["ssh_authorized_keys:", *(f"  - {key}" for key in wish.ssh_key)]
    if login.ga_manage_ssh:
        lines += ["runcmd:", "  - [ setsebool, -P, 'virt_qemu_ga_manage_ssh', 'on' ]"]
    return {"userData": "\n".join(lines), **network}
