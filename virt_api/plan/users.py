"""Who asks for an admission: one of our components, the agent of one node, or anybody else."""

from __future__ import annotations

import msgspec

from virt_api.plan.reading import Raw, items, table, text

_COMPONENTS = (
    "kubevirt-apiserver",
    "kubevirt-controller",
    "kubevirt-handler",
    "kubevirt-synchronization-controller",
)
_NODE_CLAIM = "authentication.kubernetes.io/node-name"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """`ours`: a service account of ours. `agent_of_node`: the node whose virt-handler asks, else empty."""

    name: str
    ours: bool = False
    agent_of_node: str = ""


def user_of(user_info: Raw, namespace: str) -> User:
    """The user of an AdmissionRequest; `namespace` is where our components live."""
    name = text(user_info, "username")
    prefix = f"system:serviceaccount:{namespace}:"
    account = name.removeprefix(prefix) if name.startswith(prefix) else ""
    node = next((each for each in items(table(user_info, "extra"), _NODE_CLAIM) if isinstance(each, str)), "")
    return User(
        name=name,
        ours=account in _COMPONENTS,
        agent_of_node=node if account == "kubevirt-handler" else "",
    )
