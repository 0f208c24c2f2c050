"""Commands that read and write objects, on an API in memory."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.kube import FakeKube, fake_kube
from virtctl.main import main

Json = dict[str, Any]
N = "/api/v1/namespaces/n"
KUBEVIRT = "/apis/kubevirt.io/v1/namespaces/n"
Said = tuple[int, str, str]
Run = Callable[..., Coroutine[Any, Any, Said]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line against the API: exit code, standard output, standard error."""

    async def command(server: str, *words: str) -> Said:
        code = await asyncio.to_thread(main, ["--server", server, "-n", "n", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def vm(name: str = "a", **guest: Any) -> Json:
    return {"metadata": {"name": name, "uid": "vm-uid"}, "spec": {"template": {"spec": guest}}}


PORTS = {
    "networks": [{"name": "other", "multus": {}}, {"name": "default", "pod": {}}],
    "domain": {
        "devices": {"interfaces": [{"name": "default", "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}]}
    },
}


async def test_expose_a_vm_on_one_port(run: Run) -> None:
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm(**PORTS))
        words = ["--port=2222", "--target-port=22", "--type=nodeport", "--protocol=udp", "--ip-family=ipv6,ipv4"]
        said = await run(kube.server, "expose", "vm", "a", "--name=s", *words)
        service = await kube.raw("GET", f"{N}/services/s")
    assert said == (0, "Service s successfully created for vm a\n", "")
    assert service["spec"] == {
        "type": "NodePort",
        "ports": [{"protocol": "UDP", "port": 2222, "targetPort": 22}],
        "selector": {"vmi.kubevirt.io/id": "a"},
        "ipFamilies": ["IPv6", "IPv4"],
        "ipFamilyPolicy": "PreferDualStack",
    }


async def test_expose_all_ports_of_a_vmi(run: Run) -> None:
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachineinstances/a", {"metadata": {"name": "a"}, "spec": PORTS})
        code, _, _ = await run(kube.server, "expose", "VirtualMachineInstances", "a", "--name=s", "--cluster-ip=None")
        service = await kube.raw("GET", f"{N}/services/s")
    assert code == 0
    assert service["spec"]["ports"] == [
        {"name": "port-1", "protocol": "TCP", "port": 80},
        {"name": "port-2", "protocol": "UDP", "port": 53},
    ]
    assert service["spec"]["clusterIP"] == "None"


async def test_expose_a_replica_set_by_its_labels(run: Run) -> None:
    path = f"{KUBEVIRT}/virtualmachineinstancereplicasets/r"
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": {"spec": PORTS}}
    async with fake_kube() as (api, kube):
        api.put(path, {"metadata": {"name": "r"}, "spec": spec})
        assert (await run(kube.server, "expose", "vmirs", "r", "--name=s"))[0] == 0
        service = await kube.raw("GET", f"{N}/services/s")
        api.put(path, {"metadata": {"name": "r"}, "spec": {"selector": {"matchExpressions": [{"key": "a"}]}}})
        refused = await run(kube.server, "expose", "vmirs", "r", "--name=t", "--port=1")
    assert service["spec"]["selector"] == {"app": "x"}
    assert refused[2] == "cannot expose VirtualMachineInstanceReplicaSet with match expressions\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["vm", "a"], 'required flag(s) "name" not set'),
        (["vm", "a", "--name=s"], "couldn't find port via --port flag or introspection"),
        (["pod", "a", "--name=s"], "unsupported resource type: pod"),
        (["vm", "a", "--name=s", "--protocol=SCTP"], "unknown protocol: SCTP"),
        (["vm", "a", "--name=s", "--type=ExternalName"], "type: ExternalName not supported"),
        (["vm", "a", "--name=s", "--type=x"], "unknown service type: x"),
        (["vm", "a", "--name=s", "--ip-family=x"], "unknown IPFamily/s: x"),
        (["vm", "a", "--name=s", "--ip-family-policy=x"], "unknown IPFamilyPolicy/s: x"),
        (["vm"], "accepts 2 arg(s), received 1"),
    ],
)
async def test_what_cannot_be_exposed(run: Run, words: list[str], line: str) -> None:
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm())
        assert await run(kube.server, "expose", *words) == (1, "", line + "\n")


async def test_nothing_of_that_name_to_expose(run: Run) -> None:
    async with fake_kube() as (_, kube):
        code, _, error = await run(kube.server, "expose", "vm", "b", "--name=s", "--port=1")
    assert code == 1 and error.startswith("error fetching VirtualMachine: ") and "not found" in error


def ssh_credential(secret: str, *users: str) -> Json:
    method = {"qemuGuestAgent": {"users": list(users)}}
    return {"sshPublicKey": {"source": {"secret": {"secretName": secret}}, "propagationMethod": method}}


def secret(name: str, owner: str = "vm-uid", **entries: str) -> Json:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in entries.items()}
    owners = [{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": "a", "uid": owner}]
    return {"metadata": {"name": name, "ownerReferences": owners}, "data": data}


def texts(stored: Json) -> list[str]:
    return [base64.b64decode(value).decode() for value in (stored.get("data") or {}).values()]


async def test_a_first_key_makes_a_secret_of_the_vms(run: Run) -> None:
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm())
        said = await run(kube.server, "credentials", "add-ssh-key", "-u", "bob", "--value", "ssh-x AAA", "a")
        (made,) = (await kube.raw("GET", f"{N}/secrets"))["items"]
        changed = await kube.raw("GET", f"{KUBEVIRT}/virtualmachines/a")
    assert said == (0, "", "")
    assert made["metadata"]["name"].startswith("a-ssh-key-") and texts(made) == ["ssh-x AAA"]
    assert made["metadata"]["ownerReferences"][0]["uid"] == "vm-uid"
    assert changed["spec"]["template"]["spec"]["accessCredentials"] == [ssh_credential(made["metadata"]["name"], "bob")]


async def test_a_vm_that_runs_is_not_changed_by_the_way(run: Run) -> None:
    words = ("credentials", "add-ssh-key", "-u", "bob", "--value", "k", "a")
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm(accessCredentials=[ssh_credential("other", "eve")]))
        api.put(f"{KUBEVIRT}/virtualmachineinstances/a", {"metadata": {"name": "a"}})
        refused = await run(kube.server, *words)
        forced = await run(kube.server, *words, "--force")
        changed = await kube.raw("GET", f"{KUBEVIRT}/virtualmachines/a")
    assert refused[0] == 1 and refused[2].startswith("virtual machine a is running. Use --force flag")
    assert forced[0] == 0 and len(changed["spec"]["template"]["spec"]["accessCredentials"]) == 2


async def test_a_refused_vm_leaves_no_secret_behind(run: Run) -> None:
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm())
        api.deny("/virtualmachines/a", 422, "access credentials: not supported yet")
        code, _, error = await run(kube.server, "credentials", "add-ssh-key", "-u", "b", "--value", "k", "a")
        left = (await kube.raw("GET", f"{N}/secrets"))["items"]
    assert (code, error) == (1, "error patching virtual machine: access credentials: not supported yet\n")
    assert left == []


async def test_a_key_is_added_to_the_secret_that_is_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("ssh-x BBB me@here\n")
    words = ("credentials", "add-ssh-key", "-u", "bob", "-f", str(tmp_path / "key.pub"), "a")
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm(accessCredentials=[ssh_credential("s", "bob")]))
        api.put(f"{N}/secrets/s", secret("s", old="ssh-x AAA"))
        added = await run(kube.server, *words)
        again = await run(kube.server, *words)
        stored = await kube.raw("GET", f"{N}/secrets/s")
    assert added == (0, 'Successfully added the key to secret "s"\n', "")
    assert again == (0, 'Secret "s" already contains this SSH key.\n', "")
    assert sorted(texts(stored)) == ["ssh-x AAA", "ssh-x BBB me@here"]


async def test_a_foreign_secret_needs_force(run: Run) -> None:
    words = ("credentials", "add-ssh-key", "-u", "bob", "--value", "k", "a")
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm(accessCredentials=[ssh_credential("s", "bob")]))
        api.put(f"{N}/secrets/s", secret("s", owner="another"))
        refused = await run(kube.server, *words)
        assert (await run(kube.server, *words, "--force"))[0] == 0
        stored = await kube.raw("GET", f"{N}/secrets/s")
    assert refused[2] == "secret s does not have an owner reference pointing to VM a\n"
    assert texts(stored) == ["k"]


async def test_a_key_is_removed_wherever_it_is(run: Run) -> None:
    async with fake_kube() as (api, kube):
        credentials = [ssh_credential(name, "bob") for name in ("s", "t", "gone")]
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm(accessCredentials=credentials))
        api.put(f"{N}/secrets/s", secret("s", one="ssh-x AAA me\nssh-x BBB", two="ssh-x AAA"))
        api.put(f"{N}/secrets/t", secret("t", one="ssh-x CCC"))
        said = await run(kube.server, "credentials", "remove-ssh-key", "-u", "bob", "--value", "ssh-x AAA", "a")
        left = [await kube.raw("GET", f"{N}/secrets/{name}") for name in ("s", "t")]
        nobody = await run(kube.server, "credentials", "remove-ssh-key", "-u", "eve", "--value", "k", "a")
    assert said == (0, "", "")
    assert [texts(each) for each in left] == [["ssh-x BBB"], ["ssh-x CCC"]]
    assert nobody == (0, "No secrets associated with user eve\n", "")


async def test_a_password(run: Run) -> None:
    words = ("credentials", "set-password", "-u", "bob", "-p", "sesame", "a")
    source = {"source": {"secret": {"secretName": "s"}}, "propagationMethod": {"qemuGuestAgent": {}}}
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm())
        none = await run(kube.server, *words)
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm(accessCredentials=[{"userPassword": source}]))
        api.put(f"{N}/secrets/s", secret("s", bob="old", eve="hers"))
        said = await run(kube.server, *words)
        stored = await kube.raw("GET", f"{N}/secrets/s")
    assert none[2] == "no secrets assigned to UserPassword AccessCredentials\n"
    assert said == (0, 'Successfully set password in secret "s"\n', "")
    assert base64.b64decode(stored["data"]["bob"]) == b"sesame"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["add-ssh-key", "a"], 'required flag(s) "user" not set'),
        (["add-ssh-key", "-u", "b", "a"], "error getting ssh key: one of --file, or --value must be specified"),
        (["add-ssh-key", "-u", "b", "-f", "/x", "a"], "error getting ssh key: open /x: no such file or directory"),
        (["add-ssh-key", "-u", "b", "--value=k", "--update-secret", "a"], "no secrets specified for user: b"),
        (["add-ssh-key", "-u", "bob", "--value=k", "a"],
         "multiple secrets specified, use option --secret to specify which secret to modify"),
        (["add-ssh-key", "-u", "bob", "--value=k", "--secret=x", "a"], "secret x was not assigned"),
        (["remove-ssh-key", "-u", "bob", "--value=k", "--secret=x", "a"],
         "secret x is not associated with user bob"),
    ],
)  # fmt: skip
async def test_credentials_that_cannot_be(run: Run, words: list[str], line: str) -> None:
    async with fake_kube() as (api, kube):
        credentials = [ssh_credential("s", "bob"), ssh_credential("t", "bob")]
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm(accessCredentials=credentials))
        assert await run(kube.server, "credentials", *words) == (1, "", line + "\n")


def installed(**configuration: Any) -> Json:
    return {"metadata": {"name": "kubevirt", "namespace": "n"}, "spec": {"configuration": configuration}}


async def test_verbosity_of_components(run: Run) -> None:
    words = ("adm", "log-verbosity")
    async with fake_kube() as (api, kube):
        api.put(f"{KUBEVIRT}/kubevirts/kubevirt", {"metadata": {"name": "kubevirt", "namespace": "n"}, "spec": {}})
        written = await run(kube.server, *words, "--all=3", "--virt-handler=7")
        shown = await run(kube.server, *words, "--virt-handler", "--virt-api")
        both = await run(kube.server, *words, "--reset", "--virt-api=5")
        everything = await run(kube.server, *words, "--all")
    assert written == (0, "successfully set the verbosity of the KubeVirt component(s)\n", "")
    assert shown[1] == "virt-api = 3\nvirt-handler = 7\n"
    assert both[1].splitlines()[0] == "successfully reset the verbosity of all KubeVirt components to default (2)"
    assert everything[1].splitlines() == [
        "virt-api = 5", "virt-controller = 2", "virt-handler = 2", "virt-launcher = 2", "virt-operator = 2",
    ]  # fmt: skip


async def test_verbosity_of_vms(run: Run) -> None:
    words = ("adm", "log-verbosity")
    async with fake_kube() as (api, kube):
        api.put(
            f"{KUBEVIRT}/kubevirts/kubevirt", installed(developerConfiguration={"logVerbosity": {"virtLauncher": 4}})
        )
        api.put(f"{KUBEVIRT}/virtualmachines/a", vm())
        before = await run(kube.server, *words, "--vm=a")
        api.put(f"{KUBEVIRT}/virtualmachineinstances/a", {"metadata": {"name": "a"}})
        written = await run(kube.server, *words, "--vm=a", "--level=6")
        waits = await run(kube.server, *words, "--vm", "a")
        reset = await run(kube.server, *words, "--reset=a")
        after = await run(kube.server, *words, "--vm=a")
    assert before[1] == "a = 4\n" == after[1]
    assert written[1].startswith("a: successfully set the logVerbosity label - need to (re)start vm")
    assert waits[1] == "a = 4\na: updated verbosity 6 will be applied after the VM is restarted\n"
    assert reset[1].startswith("a: successfully removed the logVerbosity label")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--virt-api=10"], "virt-api: log verbosity must be 0-9"),
        (["--virt-api", "--virt-handler=3"], "only show or set is allowed"),
        (["--level=3"], "level: need vm flag"),
        (["--vm=a,b", "--level=3"], "number of vm flags 2 not equal to number of level flags 1"),
        (["--all"], "could not detect a KubeVirt installation"),
    ],
)
async def test_verbosity_that_cannot_be(run: Run, words: list[str], line: str) -> None:
    async with fake_kube() as (_, kube):
        assert await run(kube.server, "adm", "log-verbosity", *words) == (1, "", line + "\n")


async def test_verbosity_of_nothing_shows_the_help(run: Run) -> None:
    code, out, error = await run("http://127.0.0.1:1", "adm", "log-verbosity")
    assert code == 1 and "--virt-api" in out and error == "no flag specified - expecting at least one flag\n"


async def test_permitted_devices(run: Run) -> None:
    permitted = {"pciHostDevices": [{"resourceName": "v/a"}, {"resourceName": "v/b"}]}
    async with fake_kube() as (api, kube):
        missing = await run(kube.server, "permitted-devices")
        api.put(f"{KUBEVIRT}/kubevirts/kubevirt", installed(permittedHostDevices=permitted))
        said = await run(kube.server, "permitted-devices")
    assert missing == (1, "", 'no KubeVirt resource in "n" namespace\n')
    assert said == (0, "Permitted Devices: \nHost Devices: \nv/a, v/b \nGPU Devices: \n\n", "")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "error invalid arguments - VirtualMachine name or file must be provided"),
        (["--vm=a", "-o", "xml"], "error not supported output format defined: xml"),
        (["--file=/x"], "error reading file open /x: no such file or directory"),
    ],
)
async def test_what_cannot_be_expanded(run: Run, words: list[str], line: str) -> None:
    assert await run("http://127.0.0.1:1", "expand", *words) == (1, "", line + "\n")


async def test_a_vm_that_is_expanded_is_printed(run: Run) -> None:
    path = "/apis/subresources.kubevirt.io/v1/namespaces/n/virtualmachines/a"
    async with fake_kube() as (api, kube):
        api.put(f"{path}", {"metadata": {"name": "a"}, "spec": {"x": 1}})
        code, out, _ = await run(kube.server, "expand", "--vm", "a")
        missing = await run(kube.server, "expand", "--vm", "b")
    assert code == 0 and yaml.safe_load(out)["spec"] == {"x": 1}
    assert missing[2].startswith("error expanding VirtualMachine - b in namespace - n: ")


def populate_top(api: FakeKube) -> None:
    api.put(f"{KUBEVIRT}/kubevirts/kubevirt", installed())
    labels = {"kubevirt.io": "virt-handler"}
    api.put(f"{N}/pods/h", {"metadata": {"name": "h", "labels": labels}, "status": {"phase": "Running"}})


async def test_top_without_guests(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async with fake_kube() as (api, kube):
        nothing = await run(kube.server, "top")
        populate_top(api)
        api.put(f"{N}/pods/https:h:8443", {"metadata": {"name": "https:h:8443"}})
        none = await run(kube.server, "top", "--interval=0.1")
    assert nothing[2] == "could not detect a KubeVirt installation\n"
    assert none == (1, "", "No running guests found in n namespace.\n")


async def test_an_evacuation_is_called_off(run: Run) -> None:
    async with fake_kube() as (api, kube):
        cancel = "/apis/subresources.kubevirt.io/v1/namespaces/n/{}/a/evacuate/cancel"
        asked: list[tuple[str, Any]] = []
        real = api._one

        def answer(request: Any, target: Any, body: Any) -> Json:
            if request.path.endswith("/evacuate/cancel"):
                asked.append((request.path, body))
                return {}
            return real(request, target, body)

        api._one = answer  # type: ignore[method-assign]
        said = await run(kube.server, "evacuate-cancel", "VirtualMachines", "a")
        assert said == (0, "VM n/a was canceled evacuation\n", "")
        said = await run(kube.server, "evacuate-cancel", "vmi", "a", "--dry-run")
        assert said == (0, "Dry Run execution\nVMI n/a was canceled evacuation\n", "")
        assert asked == [
            (cancel.format("virtualmachines"), {}),
            (cancel.format("virtualmachineinstances"), {"dryRun": ["All"]}),
        ]
        assert (await run(kube.server, "evacuate-cancel", "node", "node1"))[0] == 1
        api.put("/api/v1/nodes", {"metadata": {"name": "node1"}})
        for name, leaves in (("a", "node1"), ("b", ""), ("c", "node2")):
            api.put(
                f"{KUBEVIRT}/virtualmachineinstances",
                {"metadata": {"name": name}, "status": {"nodeName": "node1", "evacuationNodeName": leaves}},
            )
        said = await run(kube.server, "evacuate-cancel", "node", "node1")
        assert said == (0, "VMI n/a was canceled evacuation\n", "")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "accepts 2 arg(s), received 0"),
        (("pod", "p"), 'unsupported resource type "pod"'),
        (("vm", "nope"), "error canceling evacuation for VM n/nope: "),
        (("node", "nope"), "error getting node nope: "),
    ],
)
async def test_an_evacuation_that_cannot_be_called_off(run: Run, words: tuple[str, ...], error: str) -> None:
    async with fake_kube() as (_, kube):
        code, out, err = await run(kube.server, "evacuate-cancel", *words)
    assert (code, out) == (1, "") and err.startswith(error)
