"""The shapes of names and addresses that Kubernetes knows, and the sentences it refuses other names with."""

from __future__ import annotations

import ipaddress
import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_FORM = re.compile(_LABEL, re.ASCII)
_SUBDOMAIN_FORM = re.compile(_SUBDOMAIN, re.ASCII)

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end"
    f" with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    f" and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)


def label_faults(name: str) -> list[str]:
    """Why a name is no DNS label; empty when it is one."""
    return _faults(name, _LABEL_FORM, _LABEL_TEXT, 63)


def subdomain_faults(name: str) -> list[str]:
    """Why a name is no DNS subdomain; empty when it is one."""
    return _faults(name, _SUBDOMAIN_FORM, _SUBDOMAIN_TEXT, 253)


def port_name_faults(name: str) -> list[str]:
    """Why a name is no IANA service name; empty when it is one."""
    tests = (
        (len(name) <= 15, "must be no more than 15 characters"),
        (
            bool(re.fullmatch("[-a-z0-9]+", name, re.ASCII)),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (bool(re.search("[a-z]", name)), "must contain at least one letter (a-z)"),
        ("--" not in name, "must not contain consecutive hyphens"),
        (not name.startswith("-") and not name.endswith("-"), "must not begin or end with a hyphen"),
    )
    return [sentence for passed, sentence in tests if not passed]


def authority(host: str, port: int | str) -> str:
    """`host:port` as URLs have it: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_address(text: str, version: int | None = None) -> bool:
    """Whether it is an IP address without a zone, of IP `version` (4, 6) where one is given."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text and version in (None, address.version)


def _faults(name: str, form: re.Pattern[str], sentence: str, longest: int) -> list[str]:
    faults = [] if len(name) <= longest else [f"must be no more than {longest} characters"]
    if not form.fullmatch(name[: longest + 1]) and not (faults and form.fullmatch(name)):
        faults.append(sentence)
    return faults
