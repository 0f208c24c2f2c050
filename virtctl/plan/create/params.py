"""Flags that hold several values: `--volume-import type:pvc,src:ns/name,size:10Gi`.

A value is a list of `key:value` pairs, separated by commas; only the first colon of a pair counts, so that URLs need
no quoting. Which keys a flag takes, and of which type, is a table (`Params`); its help is made from the same table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from api.quantity import is_quantity
from virt_model.name_forms import label_faults
from virtctl.failure import CommandFailed


class Form(StrEnum):
    """What a value must look like; the words are those of the help."""

    TEXT = "string"
    NUMBER = "uint"
    QUANTITY = "resource.Quantity"
    TEXTS = "[]string"  # separated by semicolons


Params = Mapping[str, Form]
Values = dict[str, str]
_LARGEST: Final = 2**32 - 1
NOT_A_QUANTITY: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def wrong(flag: str, why: str) -> CommandFailed:
    return CommandFailed(f'failed to parse "--{flag}" flag: {why}')


def supported(params: Params) -> str:
    """The keys and their types, for a help text."""
    return ",".join(f"{key}:{form}" for key, form in params.items())


def parsed(flag: str, text: str, params: Params) -> Values:
    """The values that were given. Raises CommandFailed for an unknown key or a value of another form."""
    values = split(flag, text)
    for key, form in params.items():
        if key in values and (why := _fault(form, values[key])):
            raise wrong(flag, f'failed to parse param "{key}": {why}')
    unknown = [f"{key}:{value}" for key, value in values.items() if key not in params]
    if unknown:
        raise wrong(flag, f"unknown param(s): {','.join(unknown)}")
    return values


def split(flag: str, text: str) -> Values:
    if not text:
        raise wrong(flag, "params may not be empty")
    values = {}
    for pair in text.split(","):
        key, colon, value = pair.partition(":")
        if not colon:
            raise wrong(flag, f"params need to have at least one colon: {pair}")
        values[key] = value
    return values


def _fault(form: Form, value: str) -> str:
    if form is Form.QUANTITY:
        return "" if is_quantity(value) else NOT_A_QUANTITY
    if form is Form.NUMBER:
        if not re.fullmatch("[0-9]+", value, re.ASCII):
            return f'strconv.ParseUint: parsing "{value}": invalid syntax'
        if int(value) > _LARGEST:
            return f'strconv.ParseUint: parsing "{value}": value out of range'
    return ""


def needed(flag: str, values: Values, key: str) -> str:
    if not values.get(key):
        raise wrong(flag, f"{key} must be specified")
    return values[key]


def prefixed(flag: str, text: str, said_of: str = "") -> tuple[str, str]:
    """(prefix, name) of `prefix/name` or `name`."""
    parts = text.split("/")
    if len(parts) > 2:
        raise wrong(flag, f"{said_of}invalid count {len(parts)} of slashes in prefix/name")
    if not parts[-1]:
        raise wrong(flag, f"{said_of}name cannot be empty")
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def checked_name(flag: str, name: str) -> str:
    faults = label_faults(name)
    if faults:
        raise wrong(flag, f'invalid name "{name}": {",".join(faults)}')
    return name


def checked_quantity(flag: str, text: str) -> str:
    if not is_quantity(text):
        raise wrong(flag, NOT_A_QUANTITY)
    return text
