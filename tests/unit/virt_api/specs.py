"""Specs of VMIs, most of which are admitted: every field that podvirt acts on, with values from its corners.

A field that is refused as not supported yet is left out. Names come from a small pool, so that they meet: two devices
of one name, a volume that is called like a directory of the launcher, names as long as a name can be.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
LONG = "n" * 63
NAMES = ("root", "default", "private", "sockets", "hotplug-disks", "a", "a-udata", "compute", LONG)
SECRETS = ("keys", "keys-of.the.team", "s" * 253)
PCI = ("0000:01:00.0", "0000:02:00.0", "0000:05:00.0", "0000:00:0a.0")

_name = st.sampled_from(NAMES)
_flag = st.booleans()
_state = st.fixed_dictionaries({}, optional={"enabled": _flag})
_words = st.sampled_from(["x", "Case & Co <1>", "Größe", "a" * 80, "\t"] * 8 + ["\a"])


@st.composite
def _some(draw: st.DrawFn, /, **fields: st.SearchStrategy[Any]) -> Json:
    """An object with any of these fields; which, is one draw (Hypothesis' own way takes several times as long)."""
    chosen = draw(st.integers(0, 2 ** len(fields) - 1))
    return {name: draw(field) for place, (name, field) in enumerate(fields.items()) if chosen >> place & 1}


def _one(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """An object with one of these fields."""
    return st.one_of([st.fixed_dictionaries({name: value}) for name, value in fields.items()])


def _of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def _mostly(*values: Any, but: Any) -> st.SearchStrategy[Any]:
    """One of the values, and once in a while the one that is refused."""
    return st.sampled_from([*values * 10, but])


@cache
def _cpu() -> st.SearchStrategy[Json]:
    feature = st.fixed_dictionaries(
        {"name": _of("vmx", "mpx", "sse4.2")}, optional={"policy": _of("require", "optional", "disable", "forbid")}
    )
    return _some(
        cores=_of(1, 2, 3),
        sockets=_of(1, 2, 16),
        threads=_of(1, 2),
        maxSockets=_of(4, 16),
        model=_of("host-model", "host-passthrough", "Nehalem", "Skylake-Server-IBRS"),
        features=st.lists(feature, max_size=2),
    )


@cache
def _memory() -> st.SearchStrategy[Json]:
    """`domain.memory` and `domain.resources` together: memory is asked for in one of them, or in both."""
    amounts = _mostly("1Mi", "64Mi", "1000001", "1Gi", "1536M", "3Gi", 2**27, but="0")
    sizes = {"memory": amounts}
    cpus = {"cpu": _of("100m", "1500m", "2", 1)}
    asked = st.fixed_dictionaries(
        {"requests": st.fixed_dictionaries(sizes, optional={**cpus, "ephemeral-storage": _of("1Gi", 10**9)})},
        optional={"limits": _some(memory=_of("3Gi", "4Gi"), cpu=_of("2", "4500m")), "overcommitGuestOverhead": _flag},
    )
    guest = st.fixed_dictionaries({"guest": amounts}, optional={"maxGuest": _of("64Mi", "3Gi", "16Gi")})
    return (
        st.fixed_dictionaries({"resources": asked})
        | st.fixed_dictionaries({"memory": guest})
        | st.fixed_dictionaries({"resources": asked, "memory": guest})
    )


@cache
def _features() -> st.SearchStrategy[Json]:
    switches = ("relaxed", "vapic", "vpindex", "runtime", "synic", "reset", "frequencies", "reenlightenment", "ipi")
    hyperv = _some(
        **dict.fromkeys(switches, st.just({}) | st.just({"enabled": True})),
        evmcs=st.just({}),
        spinlocks=_some(spinlocks=_of(4096, 8191)),
        synictimer=_some(direct=_state),
        tlbflush=_some(direct=_state, extended=_state),
        vendorid=_some(vendorid=_of("KVM Hv", "x" * 12)),
    )
    return _some(
        acpi=_state,
        apic=_some(enabled=_flag, endOfInterrupt=_flag),
        hyperv=hyperv,
        hypervPassthrough=_state,
        kvm=_some(hidden=_flag),
        pvspinlock=_state,
        smm=st.just({}),
    )


@cache
def _clock() -> st.SearchStrategy[Json]:
    timers = _some(
        hpet=_some(present=_flag, tickPolicy=_of("delay", "catchup", "merge", "discard")),
        kvm=_some(present=_flag),
        pit=_some(present=_flag, tickPolicy=_of("delay", "catchup", "discard")),
        rtc=_some(present=_flag, tickPolicy=_of("delay", "catchup"), track=_of("guest", "wall")),
        hyperv=_some(present=_flag),
    )
    base = st.just({}) | _one(utc=_some(offsetSeconds=_of(-3600, 0, 3600)), timezone=_of("Europe/Vienna"))
    return st.builds(lambda zone, more: {**zone, **more}, base, _some(timer=timers))


@cache
def _firmware() -> st.SearchStrategy[Json]:
    return _some(
        uuid=_of("5d307ca9-b3ef-428c-8861-06e72d69f223"),
        serial=_words,
        bootloader=_one(bios=_some(useSerial=_flag), efi=_some(secureBoot=_flag)),
    )


@cache
def _volume() -> st.SearchStrategy[Json]:
    reference = st.fixed_dictionaries({"name": _of(*SECRETS)})
    user = _one(userData=_of("#cloud-config"), userDataBase64=_of("I2Nsb3Vk"), secretRef=reference)
    network = _some(networkData=_of("version: 2")) | _some(networkDataSecretRef=reference)
    seed = st.builds(lambda left, right: {**left, **right}, user, network)
    image = st.fixed_dictionaries(
        {"image": _of("registry:5000/os", "os:1", "os@sha256:" + "0" * 64)},
        optional={
            "path": _of("/disk/a.qcow2"),
            "imagePullSecret": _of("pull"),
            "imagePullPolicy": _of("Always", "Never"),
        },
    )
    return _one(
        containerDisk=image,
        emptyDisk=st.fixed_dictionaries({"capacity": _mostly("1Gi", "513", 10**6, but="0")}),
        cloudInitNoCloud=seed,
        cloudInitConfigDrive=seed,
    )


@cache
def _disk() -> st.SearchStrategy[Json]:
    block = st.fixed_dictionaries({"logical": st.just(512), "physical": _of(512, 4096)})
    bus = _of("virtio", "sata", "scsi", "usb")
    how = _one(
        disk=_some(bus=bus) | st.fixed_dictionaries({"bus": st.just("virtio"), "pciAddress": _of(*PCI)}),
        cdrom=_some(bus=_of("sata", "scsi", "usb"), readonly=_flag, tray=_of("open", "closed")),
    )
    more = _some(
        serial=_of("S1", "x" * 256),
        cache=_of("none", "writethrough", "writeback"),
        io=_mostly("threads", but="native"),
        errorPolicy=_of("stop", "ignore", "report", "enospace"),
        blockSize=st.fixed_dictionaries({"custom": block}),
    )
    return st.builds(lambda target, rest: {**target, **rest}, st.just({}) | how, more)


@cache
def _interface() -> st.SearchStrategy[Json]:
    port = st.fixed_dictionaries(
        {"port": _of(22, 80, 65535)}, optional={"name": _of("ssh", "web"), "protocol": _of("TCP", "UDP")}
    )
    options = st.fixed_dictionaries({"option": _of(224, 254), "value": _of("x")})
    more = _some(
        model=_of("virtio", "e1000", "e1000e", "rtl8139"),
        macAddress=_of("02:21:ab:56:2d:68"),
        pciAddress=_of(*PCI),
        acpiIndex=_of(1, 7),
        state=_of("up", "down"),
        ports=st.lists(port, max_size=3),
        dhcpOptions=_some(
            bootFileName=_of("f"), ntpServers=st.just(["10.0.0.1"]), privateOptions=st.lists(options, max_size=1)
        ),
    )
    return st.builds(lambda binding, rest: {**binding, **rest}, _one(masquerade=st.just({}), bridge=st.just({})), more)


@cache
def _devices() -> st.SearchStrategy[Json]:
    tablet = st.fixed_dictionaries({"name": _name}, optional={"type": st.just("tablet"), "bus": _of("usb", "virtio")})
    switches = (
        "autoattachGraphicsDevice",
        "autoattachSerialConsole",
        "autoattachMemBalloon",
        "autoattachPodInterface",
        "logSerialConsole",
        "useVirtioTransitional",
        "disableHotplug",
        "blockMultiQueue",
        "networkInterfaceMultiqueue",
    )
    dog = st.fixed_dictionaries(
        {"name": _name}, optional={"i6300esb": _some(action=_mostly("reset", "poweroff", "shutdown", but="explode"))}
    )
    return _some(
        inputs=st.lists(tablet, max_size=3),
        watchdog=dog,
        rng=st.just({}),
        clientPassthrough=st.just({}),
        **dict.fromkeys(switches, _flag),
    )


@cache
def _probe() -> st.SearchStrategy[Json]:
    ways = _one(
        exec=_some(command=st.lists(_of("true", "--", "-x"), max_size=2)),
        guestAgentPing=st.just({}),
        httpGet=st.fixed_dictionaries({"port": _of(80, "web")}, optional={"path": _of("/"), "scheme": _of("HTTPS")}),
        tcpSocket=st.fixed_dictionaries({"port": _of(22, "ssh")}),
    )
    numbers = _some(
        initialDelaySeconds=_of(0, 120),
        timeoutSeconds=_of(0, 5),
        periodSeconds=_of(0, 20),
        successThreshold=st.just(1),
        failureThreshold=_of(0, 10),
    )
    return st.builds(lambda way, rest: {**way, **rest}, ways, numbers)


@cache
def _credential() -> st.SearchStrategy[Json]:
    source = st.fixed_dictionaries({"secret": st.fixed_dictionaries({"secretName": _of(*SECRETS)})})
    agent = st.just({"qemuGuestAgent": {"users": ["root", "admin"]}})
    by_disk = _of({"noCloud": {}}, {"configDrive": {}})
    keys = st.fixed_dictionaries({"source": source, "propagationMethod": agent | by_disk})
    words = st.fixed_dictionaries({"source": source, "propagationMethod": st.just({"qemuGuestAgent": {}})})
    return _one(sshPublicKey=keys, userPassword=words)


@cache
def _placement() -> st.SearchStrategy[Json]:
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
    wished = {"weight": 1, "preference": term}
    node = _some(
        requiredDuringSchedulingIgnoredDuringExecution=st.just({"nodeSelectorTerms": [term]}),
        preferredDuringSchedulingIgnoredDuringExecution=st.just([wished]),
    )
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    return _some(
        nodeSelector=st.just({"zone": "a"}),
        affinity=_some(nodeAffinity=node),
        tolerations=st.just([{"key": "a", "operator": "Exists"}]),
        topologySpreadConstraints=st.just([spread]),
        schedulerName=_of("other"),
        priorityClassName=_of("high"),
        hostname=_of("host", LONG),
        subdomain=_of("sub"),
        dnsPolicy=_of("ClusterFirst", "Default"),
        dnsConfig=st.just({"nameservers": ["10.0.0.1"], "searches": ["a.b"]}),
        evictionStrategy=_of("None", "LiveMigrate", "LiveMigrateIfPossible", "External"),
        terminationGracePeriodSeconds=_of(0, 3600),
        architecture=st.just("amd64"),
    )


@cache
def _board() -> st.SearchStrategy[Json]:
    return _some(
        cpu=_cpu(),
        features=_features(),
        clock=_clock(),
        firmware=_firmware(),
        machine=_some(type=_of("q35")),
        chassis=_some(**dict.fromkeys(("manufacturer", "version", "serial", "asset", "sku"), _words)),
    )


@cache
def _guest_watch() -> st.SearchStrategy[Json]:
    """What asks the guest, and what lets people in; a guest that starts paused has no liveness probe."""
    asked = _some(readinessProbe=_probe(), startStrategy=st.just("Paused")) | _some(livenessProbe=_probe())
    credentials = _some(accessCredentials=st.lists(_credential(), max_size=2))
    return st.builds(lambda probes, logins: {**probes, **logins}, asked, credentials)


@st.composite
def _storage(draw: st.DrawFn) -> tuple[list[Json], list[Json]]:
    """(volumes, disks): volumes of different names, of which some are shown as a disk that is described."""
    names = draw(st.lists(_name, unique=True, max_size=8))
    volumes = [{"name": name, **draw(_volume())} for name in names]
    shown = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    disks = [{"name": name, **draw(_disk())} for name in shown]
    return volumes, disks


@st.composite
def specs(draw: st.DrawFn) -> Json:
    """The `spec` of a VMI, or of a VM's template."""
    volumes, disks = draw(_storage())
    name = draw(_name)
    nics = [{"name": name, **draw(_interface())}] if draw(_flag) else []
    devices = draw(_devices())
    orders = draw(st.permutations([1, 2, 3, 4]))
    for device, order in zip([*nics, *disks], orders[: draw(st.integers(0, 2))], strict=False):
        device["bootOrder"] = order
    domain = {**draw(_memory()), **draw(_board()), "devices": {**devices, "disks": disks, "interfaces": nics}}
    return {
        **draw(_placement()),
        **draw(_guest_watch()),
        "domain": domain,
        "volumes": volumes,
        "networks": [{"name": name, "pod": {}}] if nics else [],
    }
