"""A recorded scenario of the original, done again here.

The recorder slept between its commands. Here nothing sleeps: before a command the objects that stood still in the
recording must stand as they stood there, and a guest that is asked to shut down must have booted.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .cluster import Cluster, Result
from .console import Console
from .guests import AGENT, TINY
from .launchers import LAUNCHER, QEMU, kill_in_launcher
from .recording import Recording
from .tracks import GONE, MIGRATION, VM, VMI, plain, shown
from .waiting import until
from .watching import Watching

Json = dict[str, Any]
#: seconds for a step to be done on a machine that boots many guests at once
PATIENCE = 180.0
_LAUNCHER_POD = "virt-launcher-"
_POD = re.compile(r"\bvirt-launcher-[a-z0-9.-]*[a-z0-9]\b")
_WITH_AGENT = "localhost/guest:agent"
_CONDITION = re.compile(r"reached: (vmi?) (\S+) condition (\w+)=(\w+)")
_OVER = re.compile(r" done after ")
_GUESTS = re.compile(r"localhost/guest:\w+")
_ASKED = ("stop", "restart", "soft-reboot", "delete")  # what only a guest that has booted obeys


@dataclass
class Replay:
    """`left_out`, `otherwise` and `bare` name objects: which are not there, which may stand otherwise than recorded,
    and which get a guest without a disk, because nobody asks anything of it; `held` are migrations whose targets shall
    find no place. A node is cordoned in the same way, for this scenario alone: others are played at the same time.

    `skips` says for a command whether it is one that has no meaning here.
    """

    cluster: Cluster
    namespace: str
    recording: Recording
    watching: Watching
    left_out: frozenset[str] = frozenset()
    otherwise: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    skips: Callable[[list[str]], bool] = lambda words: False
    answers: list[str] = field(default_factory=list)  # what was answered otherwise than in the recording
    _cordoned: bool = False
    _moves: int = 0  # migrations that were asked for
    _booted: set[str] = field(default_factory=set)  # uids of VMIs whose guests have been logged into
    _killed: dict[str, str] = field(default_factory=dict)  # VMI name to the uid that the last command ended

    def run(self) -> None:
        for entry in self.recording.commands:
            if entry["t"] >= self.recording.sweep:
                break
            if "note" in entry:
                self._await(entry["note"])
            elif "get" not in entry["argv"] and not self._aside(entry):
                self._stand(entry["t"], " ".join(entry["argv"]))
                self._do(entry)
        self._stand(self.recording.sweep, "the end")

    def _aside(self, entry: Json) -> bool:
        words: list[str] = entry["argv"]
        about = json.loads(entry["stdin"])["metadata"]["name"] if entry.get("stdin") else ""
        return bool(self.left_out & {about, *words}) or self.skips(words)

    def _stand(self, moment: float, before: str) -> None:
        for kind, name, look in self.recording.standing(moment):
            if name in self.left_out | self.otherwise:
                continue

            def here(kind: str = kind, name: str = name, look: tuple[str, str] = look) -> bool:
                mine = shown(self.watching.last(kind, name))
                if mine != look:
                    raise LookupError(f"{mine}")
                return True

            until(f"{kind} {name} looks like {look} before: {before}", here, PATIENCE)

    def _await(self, note: str) -> None:
        """Notes of the recorder: what it waited for. Not all of it shows in the next standing."""
        if found := _CONDITION.match(note):
            kind, name, type_, wanted = found.groups()
            until(note, lambda: self._claims(VM if kind == "vm" else VMI, name, type_) == wanted, PATIENCE)
            return
        name = note.removeprefix("reached: ").split()[0]
        if _OVER.search(note):
            until(note, self._moves_are_over, PATIENCE)
        if "recreated" not in note and not note.startswith("reached: new vmi"):
            return
        name = name if name in self._killed else next(reversed(self._killed))
        ended = self._killed[name]

        def replaced() -> bool:
            vmi = self.watching.last(VMI, name)
            return vmi is not None and vmi["metadata"]["uid"] != ended

        until(f"vmi {name} recreated", replaced, PATIENCE)

    def _about_to_move(self, name: str) -> None:
        until(f"{name} has one launcher", self._has_left(name), PATIENCE)
        self._moves += 1

    def _moves_are_over(self) -> bool:
        seen = self._migrations()
        return len(seen) == self._moves and all(phase in ("Succeeded", "Failed", GONE) for phase in seen.values())

    def _migrations(self) -> dict[str, str]:
        """Name to phase of each that was seen here, as it was seen last."""
        seen = [event for event in list(self.watching.events) if event["object"]["kind"] == MIGRATION]
        return {
            each["object"]["metadata"]["name"]: shown(each["object"], each["type"] == "DELETED")[0] for each in seen
        }

    def _claims(self, kind: str, name: str, type_: str) -> str:
        listed = ((self.watching.last(kind, name) or {}).get("status") or {}).get("conditions") or []
        return next((str(each["status"]) for each in listed if each["type"] == type_), "absent")

    def _do(self, entry: Json) -> None:
        words = [each.replace(self.recording.namespace, self.namespace) for each in entry["argv"]]
        if any(word in _ASKED for word in words) and "--force" not in words:
            self._boot(words)
        if words[0] == "python3":
            self._type(words[3], words[4])
        elif words[1] in ("cordon", "uncordon"):
            self._cordoned = words[1] == "cordon"
        elif "exec" in words:
            self._kill(words[words.index("exec") + 1], " ".join(words))
        else:
            self._compare(entry, self._call(words, entry.get("stdin")))
        if words[:2] == ["virtctl", "unpause"]:  # the next command must not take it for a guest that stands still
            until(f"{words[3]} runs again", lambda: self._claims(VMI, words[3], "Paused") != "True", PATIENCE)

    def _call(self, words: list[str], stdin: str | None) -> Result:
        if words[0] == "virtctl":
            if words[1] == "migrate":
                self._about_to_move(words[2])
            if words[1] == "migrate-cancel":
                until(f"{words[2]} is to move", self._is_to_move, PATIENCE)
            if words[1] == "restart":
                self._remember(words[2:3])
            return self.cluster.virtctl(*words[1:])
        self._remember(words)
        words = [self._with_pods(each) for each in words]
        return self.cluster.try_kubectl(*words[1:], stdin=self._manifest(stdin) if stdin else None)

    def _has_left(self, name: str) -> Callable[[], bool]:
        """Whether one launcher of the VMI is left: where the one before has not ended yet, no other is placed."""

        def one() -> bool:
            pods = {e["object"]["metadata"]["name"]: e for e in list(self.watching.events) if _is_launcher_of(e, name)}
            living = [each for each in pods.values() if each["type"] != "DELETED"]
            return sum(each["object"]["status"]["phase"] not in ("Succeeded", "Failed") for each in living) == 1

        return one

    def _is_to_move(self) -> bool:
        return "Scheduling" in self._migrations().values()

    def _with_pods(self, text: str) -> str:
        return _POD.sub(lambda found: self._pod(found[0]), text)

    def _manifest(self, recorded: str) -> str:
        thing = json.loads(_GUESTS.sub(TINY, recorded).replace(self.recording.namespace, self.namespace))
        if thing["kind"] == MIGRATION:
            self._about_to_move(thing["spec"]["vmiName"])
            if self._cordoned or thing["metadata"]["name"] in self.held:
                vmi = self.watching.last(VMI, thing["spec"]["vmiName"]) or {}
                thing["spec"]["addedNodeSelector"] = {"kubernetes.io/hostname": vmi["status"]["nodeName"]}
            return json.dumps(thing)
        if thing["kind"] not in (VM, VMI):
            return self._with_pods(json.dumps(thing))
        spec = thing["spec"]["template"]["spec"] if thing["kind"] == VM else thing["spec"]
        if thing["metadata"]["name"] in self.bare:
            spec["volumes"] = spec["domain"]["devices"]["disks"] = []
        if _WITH_AGENT in recorded and thing["metadata"]["name"] not in self.bare:
            spec["domain"]["devices"]["disks"].append({"name": "agent", "disk": {"bus": "virtio"}})
            spec["volumes"].append({"name": "agent", "cloudInitNoCloud": {"userData": AGENT}})
        return json.dumps(thing)

    def _compare(self, entry: Json, result: Result) -> None:
        theirs = (
            entry["rc"],
            *(plain(text, self.recording.namespace) for text in (entry["stdout"], _refusal(entry["stderr"]))),
        )
        ours = result.code, *(plain(text, self.namespace) for text in (result.out, _refusal(result.err)))
        if "guestosinfo" in entry["argv"]:  # another guest, another agent: what is told of them is the same
            theirs, ours = ((code, _fields(said), err) for code, said, err in (theirs, ours))
        if entry["argv"][0] == "kubectl":
            theirs, ours = ((code, "", err if code else "") for code, _, err in (theirs, ours))
        if theirs != ours:
            self.answers.append(f"{' '.join(entry['argv'])}: recorded {theirs}, here {ours}")

    def _boot(self, words: list[str]) -> None:
        """Wait for the login of each guest that the words name: one that still boots does not hear the power button."""
        for name in map(self._vmi_name, words):
            vmi = self.watching.last(VMI, name)
            if vmi is None or shown(vmi)[0] != "Running" or _paused(vmi) or name in self.bare:
                continue
            if vmi["metadata"]["uid"] not in self._booted:
                with Console(self.cluster, self.namespace, name) as console:
                    console.login(PATIENCE)
                self._booted.add(vmi["metadata"]["uid"])

    def _type(self, name: str, command: str) -> None:
        with Console(self.cluster, self.namespace, name) as console:
            console.login(PATIENCE)
            if command == "poweroff":
                console.send(command)
                until(f"{name} is off", lambda: shown(self.watching.last(VMI, name))[0] != "Running", PATIENCE)
            else:
                console.run(command)

    def _kill(self, pod: str, script: str) -> None:
        self._remember([pod])
        match = QEMU if "qemu-system" in script else LAUNCHER
        kill_in_launcher(self.cluster, self.namespace, self._pod(pod), match)

    def _pod(self, recorded: str) -> str:
        """The launcher pod of the VMI whose pod was called `recorded` there."""
        name = self.recording.vmi_of_pod(recorded)
        vmi = self.watching.last(VMI, name)
        assert vmi is not None, name
        pods = self.cluster.list("pods", self.namespace, f"kubevirt.io/created-by={vmi['metadata']['uid']}")
        return str(pods[0]["metadata"]["name"])

    def _remember(self, words: list[str]) -> None:
        """The VMIs that a command may be about to end, the last one last."""
        for name in map(self._vmi_name, words):
            vmi = self.watching.last(VMI, name)
            if vmi is not None:
                self._killed.pop(name, None)
                self._killed[name] = vmi["metadata"]["uid"]

    def _vmi_name(self, word: str) -> str:
        return self.recording.vmi_of_pod(word) if word.startswith(_LAUNCHER_POD) else word


def _is_launcher_of(event: Json, name: str) -> bool:
    labels = event["object"]["metadata"].get("labels") or {}
    return event["object"]["kind"] == "Pod" and labels.get("vm.kubevirt.io/name") == name


def _fields(answer: str) -> str:
    return " ".join(json.loads(answer)) if answer.startswith("{") else answer


def _refusal(text: str) -> str:
    """What a command says on stderr, without the log lines of the original's virtctl."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("{")).strip()


def _paused(vmi: Json) -> bool:
    claims = (vmi.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Paused" and each["status"] == "True" for each in claims)
