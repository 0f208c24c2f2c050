"""Every command: what it prints, where, and its exit code. (The console is tried as a process, beside this.)"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.unit.virtctl.api_server import GROUP, REPOSITORY, ApiServer, api_server
from virt_runtime import transport
from virtctl.main import COMMANDS, main

VM = f"{GROUP}/v1/namespaces/ns/virtualmachines/a"
VMIS = f"{GROUP}/v1/namespaces/ns/virtualmachineinstances"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("virtctl")) as server:
        yield server


@pytest.fixture
def server(running: ApiServer) -> ApiServer:
    running.calls.clear()
    running.headers.clear()
    running.refusal = None
    return running


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def virtctl(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line against a server, in this process."""

    def run(server: ApiServer, *words: str) -> Done:
        code = main(["--kubeconfig", server.kubeconfig, *words])
        return Done(code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (["start", "a"], f"{VM}/start", {}),
        (["start", "a", "--paused"], f"{VM}/start", {"paused": True}),
        (["start", "a", "--paused=false"], f"{VM}/start", {}),
        (["stop", "a"], f"{VM}/stop", {}),
        (["stop", "a", "--force", "--grace-period=0"], f"{VM}/stop", {"gracePeriod": 0}),
        (["stop", "--force=true", "--grace-period", "5", "a"], f"{VM}/stop", {"gracePeriod": 5}),
        (["restart", "a"], f"{VM}/restart", {}),
        (["restart", "a", "--force", "--grace-period=0"], f"{VM}/restart", {"gracePeriodSeconds": 0}),
        (["restart", "a", "-n", "other"], f"{VM.replace('/ns/', '/other/')}/restart", {}),
        (["-n", "other", "restart", "a"], f"{VM.replace('/ns/', '/other/')}/restart", {}),
    ],
)
def test_power(virtctl: Run, server: ApiServer, words: list[str], path: str, body: dict[str, object]) -> None:
    done = virtctl(server, *words)
    verb = path.rpartition("/")[2]
    assert (done.returncode, done.stdout, done.stderr) == (0, f"VM a was scheduled to {verb}\n", "")
    assert server.calls == [("PUT", path, body)]
    assert server.headers[0]["Authorization"] == "Bearer sesame"


@pytest.mark.parametrize(
    ("words", "name", "verb"),
    [
        (["pause", "vm", "a"], "a", "pause"),
        (["pause", "vmi", "c"], "c", "pause"),
        (["unpause", "vms", "b"], "b", "unpause"),
        (["reset", "c"], "c", "reset"),
        (["soft-reboot", "c"], "c", "soft-reboot"),
    ],
)
def test_guest_power(virtctl: Run, server: ApiServer, words: list[str], name: str, verb: str) -> None:
    assert virtctl(server, *words) == (0, f"VMI {name} was scheduled to {verb}\n", "")
    assert server.calls == [("PUT", f"{VMIS}/{name}/{verb.replace('-', '')}", {})]


def test_guest_power_dry_run(virtctl: Run, server: ApiServer) -> None:
    done = virtctl(server, "pause", "vmi", "a", "--dry-run")
    assert done.stdout == "Dry Run execution\nVMI a was scheduled to pause\n"
    assert server.calls == [("PUT", f"{VMIS}/a/pause", {"dryRun": ["All"]})]


@pytest.mark.parametrize(
    ("words", "refusal", "line"),
    [
        (["pause", "vmi", "c"], (409, "no"), "Error pausing VirtualMachineInstance c: no"),
        (["pause", "vmi", "c"], (404, "no"), "Error pausing VirtualMachineInstance c: no"),
        (["unpause", "vm", "b"], (409, "no"), "Error unpausing VirtualMachineInstance b: no"),
        (["pause", "vm", "b"], (404, "no"), "Error pausing VirtualMachineInstance b, it was not found"),
        (
            ["unpause", "vm", "a"],
            (404, "no"),
            "Error unpausing VirtualMachineInstance a. VirtualMachine a is not set to run",
        ),
        (["pause", "vm", "c"], (409, "no"), "Error getting VirtualMachine c: no such VM"),
        (["pause", "pod", "c"], (409, "no"), "unsupported resource type pod"),
        (["reset", "c"], (409, "no"), "Error resetting VirtualMachineInstance c: no"),
        (["soft-reboot", "c"], (409, "no"), "Error soft rebooting VirtualMachineInstance c: no"),
        (["pause", "vm"], (409, "no"), "accepts 2 arg(s), received 1"),
    ],
)
def test_guest_power_refusals(
    virtctl: Run, server: ApiServer, words: list[str], refusal: tuple[int, str], line: str
) -> None:
    server.refusal = refusal
    assert virtctl(server, *words) == (1, "", line + "\n")


@pytest.mark.parametrize(
    ("command", "question", "doing"),
    [
        ("guestosinfo", "guestosinfo", "getting guestosinfo"),
        ("userlist", "userlist", "listing users"),
        ("fslist", "filesystemlist", "listing filesystems"),
    ],
)
def test_the_guest_agent_is_asked(virtctl: Run, server: ApiServer, command: str, question: str, doing: str) -> None:
    assert virtctl(server, command, "a") == (0, '{\n  "metadata": {},\n  "items": []\n}\n', "")
    assert server.calls == [("GET", f"{VMIS}/a/{question}", None)]
    why = 'an error on the server ("no \\"agent\\"") has prevented the request from succeeding'
    assert virtctl(server, command, "deaf") == (1, "", f"Error {doing} of VirtualMachineInstance deaf, {why}\n")
    assert virtctl(server, command) == (1, "", "accepts 1 arg(s), received 0\n")


@pytest.mark.parametrize(
    ("words", "path", "options"),
    [
        (["a"], f"{VM}/objectgraph", {"includeOptionalNodes": True}),
        (["--vmi", "a", "--exclude-optional"], f"{VMIS}/a/objectgraph", {"includeOptionalNodes": False}),
        (
            ["a", "--selector=k=v,l=w"],
            f"{VM}/objectgraph",
            {"includeOptionalNodes": True, "labelSelector": {"matchLabels": {"k": "v", "l": "w"}}},
        ),
    ],
)
def test_object_graph(virtctl: Run, server: ApiServer, words: list[str], path: str, options: dict[str, object]) -> None:
    shown = '{\n  "objectReference": {\n    "name": "a"\n  }\n}\n'
    assert virtctl(server, "objectgraph", *words) == (0, shown, "")
    assert server.calls == [("GET", path, options)]
    assert virtctl(server, "objectgraph", *words, "-o", "yaml").stdout == "objectReference:\n  name: a\n"
    unknown = "unsupported output format: xml (must be 'json' or 'yaml')\n"
    assert virtctl(server, "objectgraph", *words, "-o", "xml") == (1, "", unknown)


def test_no_object_graph(virtctl: Run, server: ApiServer) -> None:
    line = "error listing object graph of VirtualMachine deaf: no gate\n"
    assert virtctl(server, "objectgraph", "deaf") == (1, "", line)
    line = "--selector takes KEY=VALUE pairs with commas between, not 'k'\n"
    assert virtctl(server, "objectgraph", "a", "--selector", "k") == (1, "", line)


def test_dry_run_says_so(virtctl: Run, server: ApiServer) -> None:
    done = virtctl(server, "start", "a", "--dry-run")
    assert done.stdout == "Dry Run execution\nVM a was scheduled to start\n"
    assert server.calls[0][2] == {"dryRun": ["All"]}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["start", "a"], "Error starting VirtualMachine {}"),
        (["stop", "a"], "error stopping VirtualMachine {}"),
        (["stop", "a", "--force", "--grace-period=0"], "error force stopping VirtualMachine: {}"),
        (["restart", "a"], "error restarting VirtualMachine: {}"),
        (["restart", "a", "--force", "--grace-period=0"], "error force restarting VirtualMachine: {}"),
    ],
)
def test_refusals_are_one_line(virtctl: Run, server: ApiServer, words: list[str], line: str) -> None:
    why = 'Operation cannot be fulfilled on virtualmachine.kubevirt.io "a": VM is already running'
    server.refusal = (409, why)
    done = virtctl(server, *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line.format(why) + "\n")


def test_version(virtctl: Run, server: ApiServer) -> None:
    done = virtctl(server, "version")
    client, cluster = done.stdout.splitlines()
    assert client.startswith('Client Version: version.Info{GitVersion:"v')
    assert cluster.startswith('Server Version: version.Info{GitVersion:"v9.9.9", GitCommit:"", ')
    assert cluster.endswith('Platform:"linux/amd64"}')
    assert virtctl(server, "version", "--client").stdout.splitlines() == [client]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["evict", "x"], 'unknown command "evict" for "virtctl"'),
        (["-n", "x", "evict"], 'unknown command "evict" for "virtctl"'),
        (["start"], "accepts 1 arg(s), received 0"),
        (["start", "a", "b", "c"], "accepts 1 arg(s), received 3"),
        (["start", "a", "--frobnicate"], "unknown flag: --frobnicate"),
        (
            ["start", "a", "--dry-run=maybe"],
            'invalid argument "maybe" for "--dry-run" flag: it is either true or false',
        ),
        (
            ["stop", "a", "--grace-period", "soon"],
            'invalid argument "soon" for "--grace-period" flag: strconv.ParseInt: parsing "soon": invalid syntax',
        ),
        (
            ["ssh", "vm/a", "-p", "x"],
            'invalid argument "x" for "-p, --port" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (["console", "a", "--namespace"], "flag needs an argument: --namespace"),
        (["create", "frog"], 'unknown command "frog" for "virtctl create"'),
        (["expose", "vm"], "accepts 2 arg(s), received 1"),
        (["why", "vm", "a", "b"], "accepts 2 arg(s), received 3"),
        (["vnc"], "accepts 1 arg(s), received 0"),
        (["vnc", "screenshot", "a"], 'required flag(s) "file" not set'),
        (["port-forward", "vm/a"], "port-forward requires at least 2 arg(s), received 1"),
        (["port-forward", "a", "80"], "target must contain type and name separated by '/'"),
        (["port-forward", "vm/a", "80", "81", "--stdio"], "only one port supported when forwarding to stdout"),
        (["port-forward", "vm/a", "sctp/80"], "unknown protocol: sctp"),
        (["port-forward", "vm/a", "udp/"], "invalid port, missing local and/or remote port"),
        (["port-forward", "vm/a", "8O:80"], 'strconv.Atoi: parsing "8O": invalid syntax'),
        (["port-forward", "vm/a", "80:70000"], "invalid port 70000: the last one is 65535"),
        (["help", "frog"], "Unknown help topic ['frog']"),
        (["stop", "a", "--force"], "Must both use --force=true and set --grace-period."),
        (["stop", "a", "--grace-period=0"], "Must both use --force=true and set --grace-period."),
        (
            ["start", "a", "--kubeconfig", "/nowhere"],
            "error: cannot read kubeconfig /nowhere: No such file or directory",
        ),
    ],
)
def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], words: list[str], line: str) -> None:
    assert main(words) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", line + "\n")


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ([], "Usage: virtctl [OPTIONS] [COMMAND]"),
        (["create"], "Usage: virtctl create [OPTIONS] [COMMAND]"),
        (["help"], "Usage: virtctl [OPTIONS] [COMMAND]"),
        (["help", "create", "vm"], "Usage: virtctl create vm [OPTIONS]"),
        (["help", "vnc"], "Usage: virtctl vnc [OPTIONS] (VMI)"),
        (["vnc", "-h"], "Usage: virtctl vnc [OPTIONS] (VMI)"),
        (["vnc", "screenshot", "-h"], "Usage: virtctl vnc screenshot [OPTIONS] (VMI)"),
        (["adm", "log-verbosity", "-h"], "Usage: virtctl adm log-verbosity [OPTIONS]"),
    ],
)
def test_help_is_no_failure(capsys: pytest.CaptureFixture[str], words: list[str], start: str) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(start)


def test_every_command_has_its_line_in_the_page() -> None:
    page = (REPOSITORY / "docs" / "virtctl.md").read_text()
    assert [each.name for each in COMMANDS if f"`virtctl {each.name}" not in page] == ["help"]


def test_a_cluster_out_of_reach_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.001)
    assert main(["start", "a", "--server", "http://127.0.0.1:1"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be reached" in said


def test_help_needs_nothing_that_is_slow_to_import() -> None:
    code = (
        "import sys; from virtctl.main import COMMANDS, main; main(['--help']); main(['console', '--help']);"
        "print([name for name in ('aiohttp', 'yaml', 'ssl', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "[]"
