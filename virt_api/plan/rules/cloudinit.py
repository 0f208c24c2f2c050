"""Cloud-init data: user data from one source of three, network data from one at most, inline data short.

The limit is on what the object carries, so base64 counts decoded. Data from a Secret is not looked at.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from virt_api.plan.reading import Raw, has, numbered, table, text
from virt_api.plan.rule import Offences, Rule, Subject

SOURCES = ("cloudInitNoCloud", "cloudInitConfigDrive")
LONGEST_INLINE = 2048


def _seeds(subject: Subject) -> Iterator[tuple[int, str, Raw]]:
    for i, volume in numbered(subject.spec, "volumes"):
        for source in SOURCES:
            if has(volume, source):
                yield i, source, table(volume, source)


def _count(seed: Raw, inline: str, secret: str) -> int:
    return bool(text(seed, inline)) + bool(text(seed, f"{inline}Base64")) + bool(text(seed, secret, "name"))


def _length(seed: Raw, inline: str) -> int:
    return len(text(seed, inline).encode("utf-8", "surrogatepass")) + len(_decoded(seed, inline) or b"")


def _decoded(seed: Raw, inline: str) -> bytes | None:
    try:
        return base64.b64decode(text(seed, f"{inline}Base64"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _several_user_data(subject: Subject) -> Offences:
    for i, source, seed in _seeds(subject):
        if _count(seed, "userData", "secretRef") > 1:
            yield {"i": i, "source": source}


def _several_network_data(subject: Subject) -> Offences:
    for i, source, seed in _seeds(subject):
        if _count(seed, "networkData", "networkDataSecretRef") > 1:
            yield {"i": i, "source": source}


def _no_data(subject: Subject) -> Offences:
    for i, source, seed in _seeds(subject):
        network = _count(seed, "networkData", "networkDataSecretRef")
        if not _count(seed, "userData", "secretRef") and not network:
            yield {"i": i, "source": source}


def _undecodable(subject: Subject) -> Offences:
    for i, source, seed in _seeds(subject):
        for inline in ("userData", "networkData"):
            if _decoded(seed, inline) is None:
                yield {"i": i, "source": source, "inline": inline}


def _long_user_data(subject: Subject) -> Offences:
    for i, source, seed in _seeds(subject):
        if _length(seed, "userData") > LONGEST_INLINE:
            yield {"i": i, "source": source}


def _long_network_data(subject: Subject) -> Offences:
    for i, source, seed in _seeds(subject):
        if _length(seed, "networkData") > LONGEST_INLINE:
            yield {"i": i, "source": source}


_SEED = "{at}.volumes[{i}].{source}"

CLOUD_INIT = (
    Rule(_several_user_data, _SEED, _SEED + " must have only one userdatasource set."),
    Rule(_no_data, _SEED, _SEED + " must have at least one userdatasource or one networkdatasource set."),
    Rule(_several_network_data, _SEED, _SEED + " must have only one networkdata source set."),
    Rule(_undecodable, _SEED + ".{inline}Base64", _SEED + ".{inline}Base64 is not a valid base64 value."),
    Rule(
        _long_user_data,
        _SEED,
        _SEED + " userdata exceeds 2048 byte limit. Should use UserDataSecretRef for larger data.",
    ),
    Rule(
        _long_network_data,
        _SEED,
        _SEED + " networkdata exceeds 2048 byte limit. Should use NetworkDataSecretRef for larger data.",
    ),
)
