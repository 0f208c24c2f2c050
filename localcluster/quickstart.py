"""From nothing to a virtual machine whose console answers; `./quickstart` runs this.

Each step is a command that a person could type; the command is printed, so that the output teaches the tool.
Steps that are done already return at once: an interrupted run is repaired by running it again.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
NAMESPACE = "kubevirt"
DEMO = REPO / "manifests" / "examples" / "vm-tiny.yaml"
COMPONENTS = ("virt-operator", "virt-api", "virt-controller", "virt-handler", "virt-launcher")
LINKS = Path("/usr/local/bin")
OURS = ("virtctl", "kubectl-virt")  # the second is called by `kubectl virt`


class Failed(Exception):
    """A step failed; the text says which and what to do."""


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def module(*words: str) -> list[str]:
    """The command line of one of our own modules."""
    return [sys.executable, "-m", *words]


def run(title: str, command: Sequence[str], *, stdin: str | None = None) -> None:
    """Show a command's output as it comes.

    Raises: Failed when it ends with another code than 0.
    """
    say(title)
    done = subprocess.run(command, cwd=REPO, input=stdin, text=True)
    if done.returncode:
        raise Failed(
            f"'{title}' failed (exit {done.returncode}); the lines above say why. Run ./quickstart again to resume."
        )


def output(command: Sequence[str]) -> str:
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command[:6])}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


class Cluster:
    """Where to install: a kubeconfig and a kubectl that speaks to it."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self.binary = output(module("localcluster", "kubectl-path")).strip()

    def command(self, *words: str) -> list[str]:
        return [self.binary, "--kubeconfig", self.kubeconfig, *words]

    def kubectl(self, *words: str) -> str:
        return output(self.command(*words))

    def apply(self, title: str, manifest: str) -> None:
        run(title, self.command("apply", "--server-side", "--force-conflicts", "-f", "-"), stdin=manifest)


def local_cluster(name: str) -> Cluster:
    """Bring up the machine's own cluster and put the images on its nodes; the slow builds of both share the cores."""
    images = subprocess.Popen(module("images", "build"), cwd=REPO)
    try:
        run("a Kubernetes of two nodes on this machine", module("localcluster", "up", "--name", name, "--nodes", "2"))
    finally:
        built = images.wait()
    if built:
        raise Failed("the images could not be built; the lines above say why. Run ./quickstart again to resume.")
    run("images onto the nodes", module("images", "load", "--name", name))
    return Cluster(output(module("localcluster", "kubeconfig", "--name", name)).strip())


def tag() -> str:
    """The tag that names the content of the images, so that changed code means a new version."""
    rows = json.loads(output(module("images", "list", "--json")))
    tags = {row["name"]: row["tags"] for row in rows}
    return str(next(t for t in tags["virt-operator"] if not t.startswith("v")))


def install(cluster: Cluster, prefix: str, version: str) -> None:
    """Operator, CR, and the wait until everything is available."""
    render = module("virt_operator", "render", "operator", "--image-prefix", prefix, "--tag", version)
    cluster.apply("the operator", output(render))
    run(
        "its CRD", cluster.command("wait", "crd/kubevirts.kubevirt.io", "--for=condition=Established", "--timeout=120s")
    )
    # The operator judges the KubeVirt object: while one is replaced by a new version, nobody may answer for a moment.
    rollout = cluster.command("-n", NAMESPACE, "rollout", "status", "deployment/virt-operator", "--timeout=300s")
    run("waiting until the operator runs", rollout)
    cluster.apply("the KubeVirt object", output(module("virt_operator", "render", "cr")))
    wait = cluster.command("-n", NAMESPACE, "wait", "kubevirt/kubevirt", "--timeout=600s")
    # An installation that is being updated stays available: what is awaited first is that it is this version.
    run(
        "waiting until this version is installed",
        [*wait, f"--for=jsonpath={{.status.observedKubeVirtVersion}}={version}"],
    )
    run("waiting until every component is available", [*wait, "--for=condition=Available"])
    allow_emulation(cluster)


def allow_emulation(cluster: Cluster) -> None:
    """Without a node that offers KVM, guests can only run by software emulation: say so, and allow it."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]
    if any(int(node["status"].get("allocatable", {}).get("devices.kubevirt.io/kvm", "0")) for node in nodes):
        say("KVM is usable: guests run at full speed")
        return
    say("no node has usable KVM: guests run by software emulation (slower, otherwise the same)")
    patch = json.dumps({"spec": {"configuration": {"developerConfiguration": {"useEmulation": True}}}})
    cluster.kubectl("-n", NAMESPACE, "patch", "kubevirt/kubevirt", "--type=merge", "-p", patch)


def demo(cluster: Cluster) -> None:
    """One virtual machine, and what its serial console says."""
    cluster.apply("a virtual machine", DEMO.read_text())
    run("waiting until it runs", cluster.command("wait", "vm/tiny", "--for=condition=Ready", "--timeout=300s"))
    say("its serial console (virtctl console tiny):")
    print(console(cluster, "tiny", "login:", 180.0), flush=True)


def console(cluster: Cluster, name: str, expected: str, seconds: float) -> str:
    """What the console printed until `expected` came.

    Raises: Failed after `seconds`, with what was printed.
    """
    command = module("virtctl", "--kubeconfig", cluster.kubeconfig, "console", name)
    deadline = time.monotonic() + seconds
    with subprocess.Popen(command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        seen, asked = b"", 0.0
        try:
            while expected.encode() not in seen:
                if time.monotonic() > deadline or process.poll() is not None:
                    said = seen[-500:].decode(errors="replace")
                    raise Failed(f"the console of {name} never said '{expected}'; it said: {said}")
                if time.monotonic() > asked + 2.0:
                    process.stdin.write(b"\n")
                    process.stdin.flush()
                    asked = time.monotonic()
                seen += process.stdout.read() or b""
                time.sleep(0.05)
        finally:
            process.kill()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode(errors="replace")).replace("\r", "").strip()


def link(name: str, target: str, text: str | None = None) -> None:
    """Put a command on the PATH, unless the user has one of that name that is not ours."""
    place = LINKS / name
    ours = place.is_symlink() or (place.exists() and "podvirt" in place.read_text(errors="replace")[:200])
    if place.exists() and not ours:
        return
    place.unlink(missing_ok=True)
    if text is None:
        place.symlink_to(target)
    else:
        place.write_text(text)
        place.chmod(0o755)


def commands(cluster: Cluster) -> None:
    link("kubectl", cluster.binary)
    program = "import sys; sys.argv.pop(0); from virtctl.main import main; sys.exit(main())"
    for name in OURS:
        link(name, "", f'#!/bin/sh\n# podvirt\nPYTHONPATH={REPO} exec {sys.executable} -c \'{program}\' "$0" "$@"\n')


def down(name: str) -> None:
    run("taking the cluster down", module("localcluster", "down", "--name", name))
    for command in ("kubectl", *OURS):
        place = LINKS / command
        if place.is_symlink() or (place.exists() and "# podvirt" in place.read_text(errors="replace")[:200]):
            place.unlink()
    say(f"nothing is left but the build cache ({os.environ.get('PODVIRT_CACHE', '~/.cache/podvirt')})")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./quickstart", description="A virtual machine in a pod of a real Kubernetes, by one command."
    )
    parser.add_argument("--name", default="podvirt", help="name of the local cluster (default: podvirt)")
    parser.add_argument(
        "--kubeconfig",
        help="use this cluster instead of a local one; images: python3 -m images push REGISTRY, then --registry",
    )
    parser.add_argument(
        "--registry", help="with --kubeconfig: where the cluster pulls the images from, e.g. registry.example/podvirt"
    )
    parser.add_argument("--no-demo", action="store_true", help="install only, start no virtual machine")
    parser.add_argument("--down", action="store_true", help="remove the local cluster and all it left on this machine")
    return parser.parse_args(words)


def perform(options: argparse.Namespace) -> None:
    if options.down:
        return down(options.name)
    if options.kubeconfig:
        if not options.registry:
            raise Failed("--kubeconfig needs --registry: push the images first with 'python3 -m images push REGISTRY'")
        cluster, prefix, version = Cluster(options.kubeconfig), options.registry.rstrip("/"), "v0.1.0"
    else:
        cluster, prefix = local_cluster(options.name), "localhost/podvirt"
        version = tag()
    install(cluster, prefix, version)
    commands(cluster)
    if not options.no_demo:
        demo(cluster)
        say("done. Try: kubectl get nodes,vms,vmis -A   virtctl console tiny   virtctl stop tiny   ./quickstart --down")


def main(step: Callable[[argparse.Namespace], None] = perform) -> int:
    try:
        step(arguments(sys.argv[1:]))
    except Failed as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("quickstart: interrupted; run it again to resume", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
