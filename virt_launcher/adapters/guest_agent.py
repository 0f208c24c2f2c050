"""The guest agent on its channel: one question at a time, each with a deadline, and a thread that keeps asking.

An agent that does not answer costs the time of its deadline and nothing else: whoever comes meanwhile is refused after
TURN_SECONDS. libvirt bounds an answer (10 MiB); of what is in it only so much is kept as the messages allow.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import libvirt
import libvirt_qemu
import msgspec

from api.access import AccessCredential
from virt_ipc.agent import AccessReport, AgentReport, ExecReply, ExecRequest, GuestInfo, GuestUsage
from virt_ipc.errors import LauncherRefused
from virt_launcher.adapters import agent_words
from virt_launcher.adapters.access import Access
from virt_launcher.adapters.log import warn
from virt_launcher.plan.agent_polls import ADDRESSLESS, FROZEN, ON_DEMAND, Polls, Topic

ANSWER_SECONDS = 5
FREEZE_SECONDS = 30
SOON = 1.0
"""Seconds after which a guest is unfrozen whose time was over when its agent appeared."""
"""File systems are synchronised before they are frozen."""
TURN_SECONDS = 10.0
USAGE_SECONDS = 10.0
"""Who looks at metrics more often is told the same again."""
LOOK_SECONDS = 0.2
MAX_OUTPUT = 65536
MAX_WORDS = 500
SIGNALLED = 128
"""Added to the number of the signal that ended a program, as shells do."""


class GuestAgent:
    """The agent of one domain. `tell` gets what changed in what it says, from the thread here."""

    def __init__(self, domain: libvirt.virDomain, tell: Callable[[AgentReport], None]) -> None:
        self._domain, self._tell = domain, tell
        self._turn = threading.Lock()
        self._telling = threading.Lock()
        self._changed = threading.Condition()
        self._report = AgentReport()
        self._usage = GuestUsage()
        self._usage_wanted = 0.0
        self._polls: Polls | None = None
        self._thread: threading.Thread | None = None
        self._thaw: threading.Timer | None = None
        self._unfreeze_at = 0.0
        self._access: Access | None = None

    def keep(self, credentials: Sequence[AccessCredential], tell: Callable[[AccessReport], None]) -> None:
        """Keep the guest's keys and passwords as these credentials say; called before the agent appears, or not."""
        with self._changed:
            self._access = Access(credentials, self.ask, tell)
            if self._polls is not None:
                self._begin()

    def appeared(self) -> None:
        """Its end of the channel is open: ask it, now and from now on."""
        with self._changed:
            self._begin()
            if self._unfreeze_at:
                self.unfreeze_after(max(self._unfreeze_at - time.time(), SOON))
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_asking, name="guest-agent", daemon=True)
                self._thread.start()

    def _begin(self) -> None:
        """Ask everything that there is to ask. Called with `_changed` held."""
        unasked = {*ON_DEMAND, *([Topic.ACCESS] if self._access is None else [])}
        topics = [topic for topic in Topic if topic not in unasked]
        self._polls = Polls.begin(time.monotonic(), topics)
        self._changed.notify_all()

    def went(self) -> None:
        """Its end of the channel is closed."""
        with self._changed:
            self._polls, self._usage = None, GuestUsage()
            if self._access is not None:
                self._access.forget()

    def ask(self, command: str, *, seconds: int = ANSWER_SECONDS, **arguments: object) -> Any:
        """The answer. Raises LauncherRefused with the agent's words, or libvirt's."""
        if self._polls is None:
            raise LauncherRefused("the guest agent is not connected")
        question = {"execute": command, **({"arguments": arguments} if arguments else {})}
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise LauncherRefused("the guest agent has not answered an earlier question yet")
        try:
            answer = libvirt_qemu.qemuAgentCommand(self._domain, msgspec.json.encode(question).decode(), seconds, 0)
            return msgspec.json.decode(answer)["return"]
        except libvirt.libvirtError as error:
            raise LauncherRefused(str(error.get_error_message() or error)[:MAX_WORDS]) from error
        except (msgspec.DecodeError, KeyError, TypeError, RecursionError) as error:
            raise LauncherRefused("the guest agent's answer makes no sense") from error
        finally:
            self._turn.release()

    def ping(self, seconds: float) -> None:
        """Raises LauncherRefused."""
        self.ask("guest-ping", seconds=_whole(seconds))

    def info(self) -> GuestInfo:
        """Everything that it tells. What it does not know is empty. Raises LauncherRefused where it is silent."""
        said = self.ask(Topic.INFO)
        commands = agent_words.commands_of(said)
        known = {each.name for each in commands if each.enabled}

        def answer(command: str) -> Any:
            try:
                return self.ask(command) if command in known else None
            except LauncherRefused:
                self.ping(ANSWER_SECONDS)  # it cannot, or it is silent: then nobody waits for the rest
                return None

        return GuestInfo(
            version=agent_words.version_of(said),
            commands=commands,
            hostname=agent_words.hostname_of(answer("guest-get-host-name")),
            os=agent_words.os_of(answer(Topic.OS)),
            timezone=agent_words.timezone_of(answer("guest-get-timezone")),
            users=agent_words.users_of(answer("guest-get-users")),
            file_systems=agent_words.file_systems_of(answer("guest-get-fsinfo")),
            frozen=agent_words.is_frozen(answer(Topic.FREEZE)),
        )

    def usage(self) -> GuestUsage:
        """What it said last. It is asked anew for whoever comes next; nobody waits for it here."""
        with self._changed:
            now = time.monotonic()
            if self._polls is not None and now >= self._usage_wanted + USAGE_SECONDS:
                self._usage_wanted = now
                self._polls = self._polls.wanted(now)
                self._changed.notify_all()
            return self._usage

    def freeze(self, unfreeze_after: float) -> None:
        """Of a guest that is frozen already only the time changes. Raises LauncherRefused."""
        self._forget_the_time()
        if not agent_words.is_frozen(self.ask(Topic.FREEZE)):
            self.ask("guest-fsfreeze-freeze", seconds=FREEZE_SECONDS)
        if unfreeze_after > 0:
            self.unfreeze_after(unfreeze_after)
        self._hear(Topic.FREEZE)

    def unfreeze(self) -> None:
        """Nothing happens to a guest that is not frozen. Raises LauncherRefused."""
        self._forget_the_time()
        self.ask("guest-fsfreeze-thaw", seconds=FREEZE_SECONDS)
        self._hear(Topic.FREEZE)

    def run(self, request: ExecRequest) -> ExecReply:
        """Run a program in the guest. Raises LauncherRefused, also where it takes too long.

        While file systems are frozen agents run nothing: a probe must not end a guest for that, so it is taken as well.
        """
        if self._report.frozen:
            return ExecReply(exit_code=0, output="not run: the guest's file systems are frozen\n")
        deadline = time.monotonic() + request.timeout
        arguments = {"path": request.command, "arg": request.arguments, "capture-output": True}
        started = self.ask("guest-exec", seconds=_whole(request.timeout), **arguments)
        pid = started.get("pid") if isinstance(started, dict) else None
        while (left := deadline - time.monotonic()) > 0:
            status = self.ask("guest-exec-status", seconds=_whole(left), pid=pid)
            if isinstance(status, dict) and status.get("exited") is True:
                return ExecReply(exit_code=_code(status), output=_output(status))
            time.sleep(min(LOOK_SECONDS, left))
        raise LauncherRefused(f"the command has not ended within {request.timeout:g} s")

    def unfreeze_after(self, seconds: float) -> None:
        """Unfreeze by ourselves after so long; where there is no agent then, when there is."""
        self._forget_the_time()
        self._unfreeze_at = time.time() + seconds
        self._thaw = threading.Timer(seconds, self._thaw_now)
        self._thaw.daemon = True
        self._thaw.start()

    def _forget_the_time(self) -> None:
        self._unfreeze_at = 0.0
        if self._thaw is not None:
            self._thaw.cancel()

    def _thaw_now(self) -> None:
        try:
            self.ask("guest-fsfreeze-thaw", seconds=FREEZE_SECONDS)
            self._unfreeze_at = 0.0
            warn("the guest's file systems were unfrozen: the time for which they were frozen is over")
        except LauncherRefused as refusal:
            warn(f"the guest's file systems cannot be unfrozen: {refusal}")
        self._hear(Topic.FREEZE)

    # --- the thread

    def _keep_asking(self) -> None:
        while True:
            with self._changed:
                while self._polls is None:
                    self._changed.wait()
                topic, due = self._polls.next()
                if (wait := due - time.monotonic()) > 0:
                    self._changed.wait(wait)
                    continue
            self._hear(topic)

    def _hear(self, topic: Topic) -> None:
        """Ask about `topic` and tell what is new. A question that fails is asked again in its time."""
        soon = None
        try:
            if topic is Topic.ACCESS:
                if self._access is not None:
                    self._access.keep()
                return
            if topic in ON_DEMAND and topic not in self._report.commands:
                return
            said = self.ask(topic)
            if topic in ON_DEMAND:
                self._use(topic, said)
                return
            with self._telling:  # a freeze hears on the thread of its caller
                report, known = self._with(topic, said), self._report
                self._report = report
                if report != known:
                    self._tell(report)
            soon = _soon(topic, report)
        except LauncherRefused:
            pass
        finally:
            with self._changed:
                if self._polls is not None and topic in self._polls.due:
                    self._polls = self._polls.asked(topic, time.monotonic(), soon=soon)

    def _use(self, topic: Topic, said: Any) -> None:
        with self._changed:
            if self._polls is None:
                return
            if topic is Topic.LOAD:
                self._usage = msgspec.structs.replace(self._usage, load=agent_words.load_of(said))
            else:
                found = agent_words.file_systems_of(said)
                self._usage = msgspec.structs.replace(self._usage, file_systems=found)

    def _with(self, topic: Topic, said: Any) -> AgentReport:
        """The report with one answer more."""
        new: dict[str, object] = {}
        match topic:
            case Topic.INFO:
                enabled = [each.name for each in agent_words.commands_of(said) if each.enabled]
                new = {"version": agent_words.version_of(said), "commands": enabled}
            case Topic.OS:
                new = {"os": agent_words.os_of(said)}
            case Topic.NICS:
                new = {"nics": agent_words.nics_of(said)}
            case Topic.FREEZE:
                frozen = agent_words.is_frozen(said)
                new = {"frozen": frozen, "unfreeze_at": self._unfreeze_at if frozen else 0.0}
        return msgspec.structs.replace(self._report, **new)


def _soon(topic: Topic, report: AgentReport) -> float | None:
    if topic is Topic.FREEZE and report.frozen:
        return FROZEN
    if topic is Topic.NICS and not any(_routable(nic.addresses) for nic in report.nics):
        return ADDRESSLESS
    return None


def _routable(addresses: list[str]) -> bool:
    return any(not address.lower().startswith("fe80:") for address in addresses)


def _whole(seconds: float) -> int:
    return max(1, round(seconds))


def _code(status: dict[str, Any]) -> int:
    code, signal = status.get("exitcode"), status.get("signal")
    if isinstance(signal, int):
        return SIGNALLED + min(abs(signal), SIGNALLED - 1)
    return code & 0xFF if isinstance(code, int) else 1


def _output(status: dict[str, Any]) -> str:
    """What it wrote to its output and then to its error output, the beginning of each."""
    parts = (str(status.get(field) or "")[: 2 * MAX_OUTPUT] for field in ("out-data", "err-data"))
    return "".join(_decoded(part) for part in parts)[:MAX_OUTPUT]


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode(encoded[: len(encoded) // 4 * 4]).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
