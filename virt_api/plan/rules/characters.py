"""Texts that become part of the domain: only characters that XML can carry, since no other can reach the hypervisor."""

from __future__ import annotations

import re
from collections.abc import Iterator

from virt_api.plan.rule import Offences, Rule, Subject

_UNCARRIED = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _texts(item, f"{path}[{i}]")


def _uncarried(subject: Subject) -> Offences:
    for path, text in _texts(subject.spec.get("domain"), "domain"):
        if _UNCARRIED.search(text):
            yield {"path": path}


CHARACTERS = (Rule(_uncarried, "{at}.{path}", "{at}.{path} must not contain control characters"),)
