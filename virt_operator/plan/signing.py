"""Whether virt-handler's certificate request is signed: only for the node and the pod that its token names.

The API server puts node and pod of a bound service account token into the request; nobody can claim another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from .names import HANDLER, HANDLER_ACCOUNT, HANDLER_CN, HANDLER_SIGNER

Json = dict[str, Any]
NODE_CLAIM: Final = "authentication.kubernetes.io/node-name"
POD_CLAIM: Final = "authentication.kubernetes.io/pod-name"
USAGES: Final = frozenset({"digital signature", "key encipherment", "server auth", "client auth"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the PKCS#10 request in a CertificateSigningRequest says; `error` where it is not one or its proof fails."""

    common_name: str = ""
    organizations: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    other_names: int = 0
    error: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """`reason` is empty when the request is granted."""

    reason: str = ""

    @property
    def granted(self) -> bool:
        return not self.reason


def is_open(csr: Json) -> bool:
    """For our signer, and neither denied nor signed."""
    status = csr.get("status") or {}
    denied = any(each.get("type") in ("Denied", "Failed") for each in status.get("conditions") or ())
    ours = csr["spec"].get("signerName") == HANDLER_SIGNER
    return bool(ours and not denied and not status.get("certificate"))


def is_approved(csr: Json) -> bool:
    listed = (csr.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Approved" for each in listed)


def claims(csr: Json) -> tuple[str, str]:
    """(node, pod) that the requester's token is bound to, "" where it is not."""
    extra = csr["spec"].get("extra") or {}
    return _one(extra.get(NODE_CLAIM)), _one(extra.get(POD_CLAIM))


def judge(csr: Json, asked: Asked, pod: Json | None, namespace: str) -> Verdict:
    """`pod` is the pod that the token names, as it is now."""
    spec = csr["spec"]
    node, pod_name = claims(csr)
    if asked.error:
        return Verdict(f"the request is not valid: {asked.error}")
    if spec.get("username") != f"system:serviceaccount:{namespace}:{HANDLER_ACCOUNT}":
        return Verdict(f"{spec.get('username')} is not virt-handler")
    if not node or not pod_name:
        return Verdict("the requester's token is not bound to a pod on a node")
    if not set(spec.get("usages") or ()) <= USAGES:
        return Verdict(f"usages other than {', '.join(sorted(USAGES))}")
    if asked.common_name != HANDLER_CN or asked.organizations or asked.other_names:
        return Verdict(f"the subject must be CN={HANDLER_CN} and nothing else")
    if asked.dns != (f"{node}.{HANDLER}.{namespace}.svc",):
        return Verdict(f"the name must be {node}.{HANDLER}.{namespace}.svc")
    return _judge_addresses(asked, pod, node)


def _judge_addresses(asked: Asked, pod: Json | None, node: str) -> Verdict:
    if pod is None or pod["spec"].get("nodeName") != node:
        return Verdict("the pod that the token names is not there")
    status = pod.get("status") or {}
    addresses = {each.get("ip") for each in status.get("podIPs") or ()} | {status.get("podIP")}
    if not set(asked.ips) <= addresses:
        return Verdict("an address that is not the pod's")
    return Verdict()


def _one(values: Sequence[str] | None) -> str:
    return values[0] if values else ""
