"""The bodies of actions: what a caller may say besides the name."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from api.duration import InvalidDuration, parse_duration
from virt_api.plan.status import CallFailed, bad_request

DRY_RUN = "All"
LONGEST_FREEZE = 86400.0  # seconds


class StartOptions(msgspec.Struct, frozen=True, rename="camel"):
    """`paused`: the guest is started with its CPUs stopped."""

    paused: bool = False
    dry_run: tuple[str, ...] | None = None


class StopOptions(msgspec.Struct, frozen=True, rename="camel"):
    """`grace_period`: seconds the guest has to shut down, in place of what the VM says."""

    grace_period: int | None = None
    dry_run: tuple[str, ...] | None = None


class RestartOptions(msgspec.Struct, frozen=True, rename="camel"):
    """`grace_period_seconds`: only 0 is known, and it means by force."""

    grace_period_seconds: int | None = None
    dry_run: tuple[str, ...] | None = None


class GuestOptions(msgspec.Struct, frozen=True, rename="camel"):
    """Of an action on a guest that runs."""

    dry_run: tuple[str, ...] | None = None


class FreezeOptions(msgspec.Struct, frozen=True, rename="camel"):
    """`unfreeze_timeout`: a duration after which the guest is unfrozen in any case; none or zero: it is not."""

    unfreeze_timeout: str = ""
    dry_run: tuple[str, ...] | None = None


class MigrateOptions(msgspec.Struct, frozen=True, rename="camel"):
    """`added_node_selector`: labels that the target must have beside those of the VMI."""

    added_node_selector: dict[str, str] | None = None
    dry_run: tuple[str, ...] | None = None


class EvacuateCancelOptions(msgspec.Struct, frozen=True, rename="camel"):
    """`evacuation_node_name`: the node whose evacuation is called off."""

    evacuation_node_name: str = ""
    dry_run: tuple[str, ...] | None = None


AnyOptions = (
    StartOptions | StopOptions | RestartOptions | GuestOptions | FreezeOptions | MigrateOptions | EvacuateCancelOptions
)
Options = TypeVar("Options", bound=AnyOptions)
Body = TypeVar("Body", bound=msgspec.Struct)


def parse(body: bytes, kind: type[Options]) -> Options:
    """The options in a request's body; an empty body says nothing. Raises CallFailed."""
    options = decode(body, kind)
    if any(word != DRY_RUN for word in options.dry_run or ()):
        raise CallFailed(bad_request(f"Invalid dryRun {list(options.dry_run or ())}: only {DRY_RUN} is known"))
    return options


def seconds_frozen(options: FreezeOptions) -> float:
    """How long a guest stays frozen at most; 0 is for ever. Raises CallFailed."""
    try:
        seconds = parse_duration(options.unfreeze_timeout or "0s") / 1e9
    except InvalidDuration as error:
        raise CallFailed(bad_request(f"unfreezeTimeout: {error}")) from error
    if not 0 <= seconds <= LONGEST_FREEZE:
        raise CallFailed(bad_request(f"unfreezeTimeout: {options.unfreeze_timeout} is not between 0s and 24h"))
    return seconds


def decode(body: bytes, kind: type[Body]) -> Body:
    """The same of a body in which nothing can be said about a dry run. Raises CallFailed."""
    if not body.strip():
        return kind()
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise CallFailed(bad_request(f"Can not unmarshal Request body to struct, error: {error}")) from error


def is_dry(options: AnyOptions) -> bool:
    return bool(options.dry_run)
