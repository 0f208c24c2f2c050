"""The bodies of actions: what a caller may say besides the name."""

from __future__ import annotations

import msgspec

from virt_api.plan.status import CallFailed, bad_request

DRY_RUN = "All"


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


Options = StartOptions | StopOptions | RestartOptions | GuestOptions


def parse(body: bytes, kind: type[Options]) -> Options:
    """The options in a request's body; an empty body says nothing. Raises CallFailed."""
    if not body.strip():
        return kind()
    try:
        options = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CallFailed(bad_request(f"Can not unmarshal Request body to struct, error: {error}")) from error
    if any(word != DRY_RUN for word in options.dry_run or ()):
        raise CallFailed(bad_request(f"Invalid dryRun {list(options.dry_run or ())}: only {DRY_RUN} is known"))
    return options


def is_dry(options: Options) -> bool:
    return bool(options.dry_run)
