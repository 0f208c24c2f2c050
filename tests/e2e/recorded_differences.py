"""Where podvirt does otherwise than the recordings of the original, each place with its reason.

A row matches by regular expressions: the scenario, the track (`KIND NAME, ASPECT`), the entry that one side alone has.
"""

import re
from dataclasses import dataclass

from tests.e2e.harness.tracks import Gap


@dataclass(frozen=True)
class Difference:
    """`only`: who has the entry, `theirs`, `ours` or `either` where it is a matter of timing on both sides; or `moved`
    where both have the event, in another order.
    """

    only: str
    track: str
    entry: str
    why: str
    scenario: str = ".*"

    def covers(self, scenario: str, gap: Gap) -> bool:
        return (
            self.only in (gap.only, "either")
            and re.fullmatch(self.scenario, scenario) is not None
            and re.fullmatch(self.track, str(gap.track)) is not None
            and re.fullmatch(self.entry, gap.entry) is not None
        )


_PLUGGED = "CPUs and memory are not plugged into running guests yet: their changes wait for a restart"
_MOVES = "04-migration|04b-evict"

#: objects of a scenario that are refused here, and the capability that is missing
LEFT_OUT: dict[str, dict[str, str]] = {
    "03-not-starting": {
        "vmi-nopvc": "persistent volume claims",
        "vm-nopvc": "persistent volume claims",
        "vm-nodv": "data volumes",
        "vm-nosecret": "secret disks",
    },
    "12-variants": {
        "cfg": "config map disks",
        "tpm": "a TPM",
    },
}

#: scenarios that are not replayed at all, and why
NOT_REPLAYED: dict[str, str] = {
    "08-storage": "persistent volume claims",
    "09-instancetype": "instance types",
    "13-snapshot-clone": "snapshots and clones",
}

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "theirs",
        r"VirtualMachine .*, printableStatus",
        "Stopped",
        "the original writes Stopped into a new VM before it looks what the VM wants; we write what it comes to",
    ),
    Difference(
        "theirs",
        r"VirtualMachine .*, condition Ready",
        "False VMI(NotExists: VMI does not exist|ConditionMissing: VMI is missing the Ready condition)",
        "milliseconds between a VMI's creation and its first condition: one write less for each start",
    ),
    Difference(
        "theirs",
        r"VirtualMachine .*, created",
        "False|True",
        "between the end of one VMI and the creation of the next we write no status",
    ),
    Difference(
        "either",
        r"VirtualMachine .*, condition RestartRequired",
        "True a non-live-updatable field was changed in the template spec.*",
        "we name the fields that wait, after the original's words",
    ),
    Difference(
        "either",
        r"VirtualMachine(Instance)? vmi?-badimg, .*",
        "(False )?(ErrImagePull|ImagePullBackOff|Starting|absent).*",
        "the kubelet turns from one word to the other as it retries, and each look sees what there is",
        "03-not-starting",
    ),
    Difference(
        "either",
        r"VirtualMachine vm-(badimg|unsched), printableStatus",
        "Stopping",
        "an instance that never ran may be gone before anybody says that it goes",
        "03-not-starting",
    ),
    Difference(
        "either",
        r"VirtualMachineInstance podforce, (phase|events virt-handler)",
        "Failed|Succeeded|Normal ShuttingDown: .*|(Normal|Warning) Stopped: .*|Normal Deleted: .*",
        "a pod that is removed by force takes its guest along, or the guest is quicker: we say what it did",
        "06-killed",
    ),
    Difference(
        "theirs",
        r"VirtualMachineInstance .*, (events virt-handler|condition Synchronized)",
        r"(Warning SyncFailed|False Synchronizing with the Domain failed\.): .*|absent",
        "a launcher that has ended is not asked again and again: its end is what is said",
        "05-runstrategy|06-killed",
    ),
    Difference(
        "ours",
        r"VirtualMachineInstance .*, events virt-handler",
        "Warning LauncherFailed: .*",
        "who killed a guest's launcher, or that nobody knows, is said to the guest's owner",
        "06-killed",
    ),
    Difference(
        "either",
        r"VirtualMachine(Instance)? .*, condition Ready",
        "False (GuestNotRunning: Guest VM is not reported as running|PodTerminating: virt-launcher pod is terminating)",
        "the end of a guest and that of its pod are seen in one look or in two",
        "06-killed",
    ),
    Difference(
        "either",
        r"VirtualMachineInstance .*, events (virt-handler|virtualmachine-controller)",
        "Normal (SuccessfulDelete: Deleted virtual machine pod .*|Deleted: VirtualMachineInstance stopping)",
        "what has ended by itself need not be deleted; who is quicker is a matter of milliseconds",
        "05-runstrategy|06-killed",
    ),
    Difference(
        "either",
        "VirtualMachineInstance t, events virt-handler",
        "Normal Deleted: VirtualMachineInstance stopping",
        "a guest that hears the power button ends within the second that a forced restart leaves it",
        "01b-vm-lifecycle-noagent",
    ),
    Difference(
        "theirs",
        r"VirtualMachine(Instance)? [em], (condition Ready|ready)",
        "False ReadinessGatesNotReady: corresponding condition of pod readiness gate .*|True|False",
        "the target's gate is open before its guest runs: unless its kubelet is slow, a guest that moves stays ready",
        _MOVES,
    ),
    Difference(
        "theirs",
        "VirtualMachineInstance [em], events virt-handler",
        r"Warning SyncFailed: .*|Normal Deleted: Signaled Deletion",
        "a target that is not there yet is waited for, and a guest that has left is not told of as one that ends",
        _MOVES,
    ),
    Difference(
        "moved",
        "VirtualMachineInstance [em], events virt-handler",
        "Normal (PreparingTarget|Migrating|Migrated): .*",
        "the agents of two nodes tell of one migration at the same time",
        _MOVES,
    ),
    Difference(
        "ours",
        r"VirtualMachine(Instance)? m, condition Ready",
        "False ReadinessGatesNotReady: (corresponding condition|the status) of pod readiness gate .*",
        "a target's gate is set a moment before its kubelet says so: the reason for not being ready is worded twice",
        "04-migration",
    ),
    Difference(
        "theirs",
        r"VirtualMachine(Instance)? m, condition AgentVersionNotSupported",
        "True Guest agent version '' is not supported|absent",
        "an agent that has not said yet what it can do is not called too old",
        "04-migration",
    ),
    Difference(
        "ours",
        "VirtualMachineInstanceMigration mig3, events virtualmachine-controller",
        "Warning migrationTargetPodUnschedulable: .*",
        "it is held, see HELD",
        "04-migration",
    ),
    *(
        Difference(only, track, entry, why, "10-live-update")
        for only, track, entry, why in (
            ("theirs", r".*, condition Hot\w+Change", "True|absent", _PLUGGED),
            ("theirs", r".*, condition Ready", "True|False ReadinessGatesNotReady: corresponding .*", _PLUGGED),
            ("theirs", r".*, printableStatus", "Migrating|Running", _PLUGGED),
            ("theirs", r".*, ready", "True|False", _PLUGGED),
            ("theirs", r".*, events virt-handler", "(Warning SyncFailed|Normal (PreparingTarget|Migrat)).*", _PLUGGED),
            ("either", r".*, events virt-handler", "Normal Deleted: Signaled Deletion", _PLUGGED),
            ("theirs", r".*, events virtualmachine-controller", "Normal SuccessfulDelete: Deleted .*", _PLUGGED),
            ("theirs", r".*, events workload-update-controller", ".*", _PLUGGED),
            ("theirs", r"VirtualMachineInstanceMigration .*", ".*", _PLUGGED),
            ("theirs", r"VirtualMachineInstance .*, how .*", ".*", _PLUGGED),
        )
    ),
)

#: objects whose state is not waited for between the commands, because a row above lets them end otherwise
ENDS_OTHERWISE: dict[str, frozenset[str]] = {"06-killed": frozenset({"podforce"})}

#: objects whose guests nobody talks to and nobody asks to shut down: theirs need not boot
BARE: dict[str, frozenset[str]] = {
    "04b-evict": frozenset({"e"}),
    "05-runstrategy": frozenset({"halted"}),
    "06-killed": frozenset({"qemu", "launcher", "podforce", "vmqemu", "vmirerun"}),
}

#: migrations whose targets are kept from being placed: there the next command came before any pod could run
HELD: dict[str, frozenset[str]] = {"04-migration": frozenset({"mig3"})}


def argued(scenario: str, gap: Gap) -> bool:
    return any(row.covers(scenario, gap) for row in DIFFERENCES)
