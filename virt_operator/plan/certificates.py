"""When certificates are made and renewed.

```
 authority (168 h) ──signs──► serving and client certificates (24 h);  both renewed in the last fifth of their life
```
A new authority is published in `ca-bundle` beside the old one first, and signs only after TRUST_DELAY, when every
component has read it. Until then the old one signs, whose key is kept for that; it stays in the bundle until it
expires. So no handshake ever meets an unknown issuer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from api.duration import duration_seconds
from virt_model.names import CONTROLLER_CLIENT

from .names import (
    API_SECRET,
    API_SERVICE,
    CONTROLLER,
    CONTROLLER_CLIENT_SECRET,
    CONTROLLER_SECRET,
    HANDLER_CLIENT_CN,
    HANDLER_CLIENT_SECRET,
    OPERATOR_SECRET,
    WEBHOOK_SERVICE,
    service_dns,
)

Json = dict[str, Any]
CA_DURATION: Final = timedelta(hours=168)
LEAF_DURATION: Final = timedelta(hours=24)
RENEW_SHARE: Final = 0.2
#: certificates are valid from a little before they are made, for clocks that run behind
BACKDATED: Final = timedelta(minutes=5)
#: how long a kubelet may take to show a changed ConfigMap to its pods
TRUST_DELAY: Final = timedelta(minutes=5)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long certificates live, and how long before their end they are replaced."""

    ca_duration: timedelta = CA_DURATION
    ca_renew_before: timedelta = CA_DURATION * RENEW_SHARE
    leaf_duration: timedelta = LEAF_DURATION
    leaf_renew_before: timedelta = LEAF_DURATION * RENEW_SHARE


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """A CA certificate as seen: `id` is its subject key identifier in hex."""

    id: str
    pem: str
    not_before: datetime
    not_after: datetime


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate in a Secret as seen: `issuer_id` is its authority key identifier in hex."""

    issuer_id: str
    dns: tuple[str, ...]
    common_name: str
    not_before: datetime
    not_after: datetime


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One Secret of type kubernetes.io/tls."""

    secret: str
    common_name: str
    dns: tuple[str, ...] = ()
    client: bool = False


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """All certificates that are there: `former` is the authority before, `bundle` what the `ca-bundle` lists."""

    authority: Authority | None = None
    former: Authority | None = None
    bundle: tuple[Authority, ...] = ()
    leaves: Mapping[str, Leaf] = {}


class CertificatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """`trusted` is the bundle to publish, current authority first; `again_in` seconds until something is due."""

    make_authority: bool = False
    trusted: tuple[Authority, ...] = ()
    issue: tuple[Wanted, ...] = ()
    again_in: float


def terms_of(kubevirt: Json | None) -> Terms:
    """`certificateRotateStrategy.selfSigned`, in its present and its former spelling."""
    strategy = ((kubevirt or {}).get("spec") or {}).get("certificateRotateStrategy") or {}
    signed = strategy.get("selfSigned") or {}
    ca, server = signed.get("ca") or {}, signed.get("server") or {}
    ca_duration = _span(ca.get("duration") or signed.get("caRotateInterval"), CA_DURATION)
    leaf_duration = _span(server.get("duration") or signed.get("certRotateInterval"), LEAF_DURATION)
    overlap = ca.get("renewBefore") or signed.get("caOverlapInterval")
    return Terms(
        ca_duration=ca_duration,
        ca_renew_before=_span(overlap, ca_duration * RENEW_SHARE),
        leaf_duration=leaf_duration,
        leaf_renew_before=_span(server.get("renewBefore"), leaf_duration * RENEW_SHARE),
    )


def wanted(namespace: str, *, installed: bool) -> tuple[Wanted, ...]:
    """The operator's own certificate always; those of the components while there is something installed."""
    own = Wanted(
        secret=OPERATOR_SECRET,
        common_name=f"{WEBHOOK_SERVICE}.{namespace}.svc",
        dns=tuple(service_dns(WEBHOOK_SERVICE, namespace)),
    )
    if not installed:
        return (own,)
    return (
        own,
        Wanted(
            secret=API_SECRET,
            common_name=f"{API_SERVICE}.{namespace}.svc",
            dns=tuple(service_dns(API_SERVICE, namespace)),
        ),
        Wanted(
            secret=CONTROLLER_SECRET,
            common_name=f"{CONTROLLER}.{namespace}.svc",
            dns=tuple(service_dns(CONTROLLER, namespace)),
        ),
        Wanted(secret=HANDLER_CLIENT_SECRET, common_name=HANDLER_CLIENT_CN, client=True),
        Wanted(secret=CONTROLLER_CLIENT_SECRET, common_name=CONTROLLER_CLIENT, client=True),
    )


def plan(needed: Sequence[Wanted], held: Held, terms: Terms, now: datetime) -> CertificatePlan:
    authority = held.authority
    if authority is None or now >= _ca_due(authority, terms):
        return CertificatePlan(make_authority=True, again_in=0)
    trusted = _trusted(authority, (*held.bundle, held.former) if held.former else held.bundle, now)
    issue = tuple(each for each in needed if _must_issue(each, held.leaves.get(each.secret), trusted, terms, now))
    dues = [_ca_due(authority, terms), *(each.not_after for each in held.bundle)]
    dues += [_leaf_due(leaf, terms) for leaf in held.leaves.values()]
    if any(leaf.issuer_id != authority.id for leaf in held.leaves.values()):
        dues.append(signs_from(authority.not_before))
    upcoming = [(due - now).total_seconds() for due in dues if due > now]
    return CertificatePlan(trusted=trusted, issue=issue, again_in=max(1.0, min(upcoming, default=3600.0)))


def signs_from(not_before: datetime) -> datetime:
    """When everyone knows the authority that is valid from then on."""
    return not_before + BACKDATED + TRUST_DELAY


def _trusted(authority: Authority, known: Sequence[Authority], now: datetime) -> tuple[Authority, ...]:
    former = {each.id: each for each in known if each.id != authority.id and each.not_after > now}
    return (authority, *former.values())


def _must_issue(needed: Wanted, leaf: Leaf | None, trusted: Sequence[Authority], terms: Terms, now: datetime) -> bool:
    if leaf is None or now >= _leaf_due(leaf, terms):
        return True
    if leaf.common_name != needed.common_name or set(leaf.dns) != set(needed.dns):
        return True
    if leaf.issuer_id == trusted[0].id:
        return False
    known = any(leaf.issuer_id == each.id for each in trusted)
    return not known or now >= signs_from(trusted[0].not_before)


def _ca_due(authority: Authority, terms: Terms) -> datetime:
    return _due(authority.not_before, authority.not_after, terms.ca_duration, terms.ca_renew_before)


def _leaf_due(leaf: Leaf, terms: Terms) -> datetime:
    return _due(leaf.not_before, leaf.not_after, terms.leaf_duration, terms.leaf_renew_before)


def _due(not_before: datetime, not_after: datetime, duration: timedelta, renew_before: timedelta) -> datetime:
    """A shorter duration than the one it was made with counts from when it was made.

    What lives shorter, because its authority ends before, is renewed in the same share of its life.
    """
    made = not_before + BACKDATED
    life = min(not_after - made, duration)
    return made + life - renew_before * (life / duration)


def _span(text: str | None, default: timedelta) -> timedelta:
    return timedelta(seconds=duration_seconds(text)) if text else default
