"""`virtctl create`: the manifest on standard output, warnings and refusals on standard error."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.crd import KINDS, render
from api.schema_check import check
from virtctl.main import main

Json = dict[str, Any]


@pytest.fixture
def create(capsys: pytest.CaptureFixture[str]) -> Any:
    """The manifest that a command line makes, and its warnings."""

    def run(*words: str) -> tuple[Json, str]:
        code = main(["create", *words])
        said = capsys.readouterr()
        assert code == 0, said.err
        manifest = yaml.safe_load(said.out)
        if manifest["kind"] in KINDS:
            assert check(manifest["kind"], manifest) == []
            known = render(manifest["kind"])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            assert unknown(known, manifest) == []
        return manifest, said.err

    return run


def unknown(schema: Json, value: Any, path: str = "") -> list[str]:
    """Fields that the API would drop."""
    if isinstance(value, list):
        return [each for item in value for each in unknown(schema.get("items", {}), item, path)]
    known = schema.get("properties")
    if not isinstance(value, dict) or known is None or path == ".metadata":
        return []
    names = [f"{path}.{name}" for name in value if name not in known]
    return names + [
        each for name in value if name in known for each in unknown(known[name], value[name], f"{path}.{name}")
    ]


def guest(manifest: Json) -> Json:
    found: Json = manifest["spec"]["template"]["spec"]
    return found


def test_a_vm_without_wishes(create: Any) -> None:
    manifest, warnings = create("vm", "--name", "a")
    assert manifest == {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "a"},
        "spec": {
            "runStrategy": "Always",
            "template": {
                "metadata": {},
                "spec": {
                    "domain": {"devices": {}, "memory": {"guest": "512Mi"}, "resources": {}},
                    "terminationGracePeriodSeconds": 180,
                },
            },
        },
    }
    assert warnings == ""


def test_names_and_namespaces(create: Any) -> None:
    first, _ = create("vm")
    second, _ = create("vm", "-n", "x")
    assert first["metadata"]["name"].startswith("vm-") and first["metadata"] != second["metadata"]
    assert second["metadata"]["namespace"] == "x"


def test_run_strategy_in_any_case(create: Any) -> None:
    assert create("vm", "--run-strategy", "rerunonfailure")[0]["spec"]["runStrategy"] == "RerunOnFailure"


def test_volumes_in_their_fixed_order(create: Any) -> None:
    manifest, warnings = create(
        "vm", "--name=a", "--volume-import=type:blank,size:1Gi,name:i", "--volume-blank=size:1Gi,name:b",
        "--volume-clone-pvc=src:n/p,name:c", "--volume-datasource=src:d,name:ds", "--volume-pvc=src:claim",
        "--volume-containerdisk=src:reg:5000/x:v1", "--volume-containerdisk=src:y,name:y",
    )  # fmt: skip
    assert [each["name"] for each in guest(manifest)["volumes"]] == [
        "a-containerdisk-0", "y", "claim", "ds", "c", "b", "i",
    ]  # fmt: skip
    assert guest(manifest)["volumes"][0]["containerDisk"] == {"image": "reg:5000/x:v1"}
    assert [each["spec"] for each in manifest["spec"]["dataVolumeTemplates"]] == [
        {"sourceRef": {"kind": "DataSource", "name": "d"}, "storage": {}},
        {"source": {"pvc": {"namespace": "n", "name": "p"}}, "storage": {}},
        {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}},
        {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}},
    ]
    assert warnings.splitlines() == [
        f"Flag --{flag} has been deprecated, use flag --volume-import instead"
        for flag in ("volume-blank", "volume-clone-pvc", "volume-datasource")
    ]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("type:gcs,url:gs://b/x,size:1Gi", {"gcs": {"url": "gs://b/x"}}),
        (
            "type:http,url:http://h:80/x,certconfigmap:c,extraheaders:A: b;C: d,size:1Gi",
            {"http": {"url": "http://h:80/x", "certConfigMap": "c", "extraHeaders": ["A: b", "C: d"]}},
        ),
        ("type:imageio,url:u,diskid:7,size:1Gi", {"imageio": {"url": "u", "diskId": "7"}}),
        (
            "type:registry,url:docker://r/x,pullmethod:node,size:1Gi",
            {"registry": {"url": "docker://r/x", "pullMethod": "node"}},
        ),
        ("type:s3,url:s3://b/x,secretref:s,size:1Gi", {"s3": {"url": "s3://b/x", "secretRef": "s"}}),
        (
            "type:vddk,url:u,uuid:1,thumbprint:t,secretref:s,backingfile:f,size:1Gi",
            {"vddk": {"url": "u", "uuid": "1", "thumbprint": "t", "secretRef": "s", "backingFile": "f"}},
        ),
        ("type:snapshot,src:n/s", {"snapshot": {"namespace": "n", "name": "s"}}),
    ],
)
def test_import_sources(create: Any, text: str, source: Json) -> None:
    manifest, _ = create("vm", "--volume-import", text)
    (template,) = manifest["spec"]["dataVolumeTemplates"]
    assert template["spec"]["source"] == source
    assert template["metadata"]["name"].startswith("imported-volume-")


def test_boot_order_makes_disks_and_decides_what_is_inferred_from(create: Any) -> None:
    manifest, _ = create("vm", "--volume-pvc=src:a,bootorder:2", "--volume-pvc=src:b,bootorder:1")
    assert guest(manifest)["domain"]["devices"]["disks"] == [
        {"name": "a", "bootOrder": 2},
        {"name": "b", "bootOrder": 1},
    ]
    inferred = {"inferFromVolume": "b", "inferFromVolumeFailurePolicy": "Ignore"}
    assert manifest["spec"]["instancetype"] == inferred and manifest["spec"]["preference"] == inferred
    assert guest(manifest)["domain"]["memory"] == {"guest": "512Mi"}


def test_what_is_inferred_on_demand_must_succeed(create: Any) -> None:
    manifest, _ = create("vm", "--volume-pvc=src:a", "--infer-instancetype", "--infer-preference-from=a")
    assert manifest["spec"]["instancetype"] == {"inferFromVolume": "a"} == manifest["spec"]["preference"]
    assert "memory" not in guest(manifest)["domain"]


def test_inference_can_be_turned_off(create: Any) -> None:
    manifest, _ = create("vm", "--volume-pvc=src:a", "--infer-instancetype=false", "--infer-preference=false")
    assert "instancetype" not in manifest["spec"] and "preference" not in manifest["spec"]


def test_instance_type_and_preference_by_name(create: Any) -> None:
    manifest, _ = create("vm", "--instancetype=u1.small", "--preference=VirtualMachinePreference/p")
    assert manifest["spec"]["instancetype"] == {"name": "u1.small"}
    assert manifest["spec"]["preference"] == {"kind": "virtualmachinepreference", "name": "p"}
    assert "memory" not in guest(manifest)["domain"]


def test_cloud_init_from_flags(create: Any, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("sesame\n")
    manifest, warnings = create("vm", "--user=bob", f"--password-file={tmp_path / 'pw'}", "--ssh-key=k1,k2")
    (volume,) = guest(manifest)["volumes"]
    lines = volume["cloudInitNoCloud"]["userData"].split("\n")
    assert lines[0] == "#cloud-config"
    assert yaml.safe_load("\n".join(lines)) == {
        "user": "bob", "password": "sesame", "chpasswd": {"expire": False}, "ssh_authorized_keys": ["k1", "k2"],
    }  # fmt: skip
    assert "cleartext" in warnings


def test_cloud_init_data_as_given(create: Any) -> None:
    data = base64.b64encode(b"#cloud-config").decode()
    words = (f"--cloud-init-user-data={data}", f"--cloud-init-network-data={data}", "--cloud-init=configdrive")
    manifest, _ = create("vm", *words)
    (volume,) = guest(manifest)["volumes"]
    assert volume["cloudInitConfigDrive"] == {"userDataBase64": data, "networkDataBase64": data}
    assert "volumes" not in guest(create("vm", *words[:2], "--cloud-init=none")[0])


def test_access_credentials(create: Any) -> None:
    manifest, _ = create("vm", "--access-cred=src:keys,user:bob", "--access-cred=type:password,src:pws")
    assert guest(manifest)["accessCredentials"] == [
        {
            "sshPublicKey": {
                "source": {"secret": {"secretName": "keys"}},
                "propagationMethod": {"qemuGuestAgent": {"users": ["bob"]}},
            }
        },
        {
            "userPassword": {
                "source": {"secret": {"secretName": "pws"}},
                "propagationMethod": {"qemuGuestAgent": {}},
            }
        },
    ]
    assert "virt_qemu_ga_manage_ssh" in guest(manifest)["volumes"][0]["cloudInitNoCloud"]["userData"]


def test_an_access_credential_chooses_the_cloud_init_type(create: Any) -> None:
    manifest, _ = create("vm", "--access-cred=src:keys,method:configdrive")
    assert guest(manifest)["accessCredentials"][0]["sshPublicKey"]["propagationMethod"] == {"configDrive": {}}
    assert guest(manifest)["volumes"][0]["cloudInitConfigDrive"] == {"userData": "#cloud-config"}


def test_sysprep(create: Any) -> None:
    manifest, _ = create("vm", "--volume-sysprep=src:answers,type:Secret")
    assert guest(manifest)["volumes"] == [{"name": "sysprepdisk", "sysprep": {"secret": {"name": "answers"}}}]


def flag(name: str, why: str) -> str:
    return f'failed to parse "--{name}" flag: {why}'


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--run-strategy=Never"], flag("run-strategy", 'invalid run strategy "Never", supported values are: Always, '
                                        "Manual, Halted, Once, RerunOnFailure")),
        (["--volume-pvc=src"], flag("volume-pvc", "params need to have at least one colon: src")),
        (["--volume-pvc="], flag("volume-pvc", "params may not be empty")),
        (["--volume-pvc=name:a"], flag("volume-pvc", "src must be specified")),
        (["--volume-pvc=src:n/a"], flag("volume-pvc", 'not allowed to specify namespace of pvc "a"')),
        (["--volume-pvc=src:a,size:1Gi"], flag("volume-pvc", "unknown param(s): size:1Gi")),
        (["--volume-pvc=src:a,bootorder:x"],
         flag("volume-pvc", 'failed to parse param "bootorder": strconv.ParseUint: parsing "x": invalid syntax')),
        (["--volume-pvc=src:a,bootorder:0"], flag("volume-pvc", "bootorder must be greater than 0")),
        (["--volume-pvc=src:a,bootorder:1", "--volume-pvc=src:b,bootorder:1"],
         flag("volume-pvc", "bootorder 1 was specified multiple times")),
        (["--volume-pvc=src:a", "--volume-pvc=src:a"],
         flag("volume-pvc", 'there is already a volume with name "a"')),
        (["--volume-import=type:tape"],
         flag("volume-import", 'invalid volume import type "tape", see help for supported values')),
        (["--volume-import=size:1Gi"], flag("volume-import", "type must be specified")),
        (["--volume-import=type:blank"], flag("volume-import", "size must be specified")),
        (["--volume-import=type:http,size:1Gi"], flag("volume-import", "url is required with http volume source")),
        (["--volume-import=type:pvc,src:a"], flag("volume-import", 'namespace of pvc "a" must be specified')),
        (["--volume-import=type:registry,size:1Gi"],
         flag("volume-import", "exactly one of url or imagestream must be defined")),
        (["--instancetype=a/b/c"], flag("instancetype", "invalid count 3 of slashes in prefix/name")),
        (["--instancetype=pod/b"], flag("instancetype", 'invalid instancetype kind "pod", supported values are: '
                                        "virtualmachineinstancetype, virtualmachineclusterinstancetype")),
        (["--infer-instancetype"], "at least one volume is needed to infer an instance type or preference"),
        (["--infer-preference-from=x"], 'there is no volume with name "x"'),
        (["--infer-preference", "--volume-containerdisk=src:x"],
         "inference of instancetype or preference works only with datasources, datavolumes or pvcs"),
        (["--memory=1Gi", "--instancetype=a"],
         "if any flags in the group [memory instancetype infer-instancetype infer-instancetype-from] are set none of"
         " the others can be; [instancetype memory] were all set"),
        (["--user=a", "--cloud-init-user-data=b"], "if any flags in the group [cloud-init-user-data user] are set none"
         " of the others can be; [cloud-init-user-data user] were all set"),
        (["--cloud-init=floppy"], flag("cloud-init", 'invalid cloud-init data source type "floppy", supported values'
                                       " are: nocloud, configdrive, none")),
        (["--access-cred=src:a"], flag("access-cred", "user must be specified with access credential ssh method ga "
                                       '("--user" flag or param "user")')),
        (["--access-cred=src:a,method:nocloud", "--cloud-init=configdrive"],
         flag("access-cred", "method param and value passed to --cloud-init have to match: nocloud vs configdrive")),
        (["--password-file=/nowhere"], flag("password-file", "open /nowhere: no such file or directory")),
    ],
)  # fmt: skip
def test_a_vm_that_cannot_be(capsys: pytest.CaptureFixture[str], words: list[str], line: str) -> None:
    assert main(["create", "vm", *words]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()[-1]) == ("", line)


def test_the_help_says_what_an_import_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "vm", "--help"]) == 0
    words = "".join(capsys.readouterr().out.split())
    assert "typepvc-src:string,size:resource.Quantity,type:string,name:string,bootorder:uint" in words


def test_instancetype(create: Any) -> None:
    words = ("--cpu=2", "--memory=1Gi", "--gpu=name:g,devicename:nvidia.com/x", "--iothreadspolicy=auto")
    manifest, _ = create("instancetype", *words)
    assert manifest["kind"] == "VirtualMachineClusterInstancetype"
    assert manifest["metadata"]["name"].startswith("clusterinstancetype-")
    assert manifest["spec"] == {
        "cpu": {"guest": 2}, "memory": {"guest": "1Gi"}, "ioThreadsPolicy": "auto",
        "gpus": [{"name": "g", "deviceName": "nvidia.com/x"}],
    }  # fmt: skip
    assert create("instancetype", *words, "-n", "x")[0]["kind"] == "VirtualMachineInstancetype"


def test_preference(create: Any) -> None:
    manifest, _ = create("preference", "--namespaced", "--name=p", "--cpu-topology=preferCores", "--machine-type=q35")
    assert (manifest["kind"], manifest["metadata"]) == ("VirtualMachinePreference", {"name": "p"})
    assert manifest["spec"] == {
        "cpu": {"preferredCPUTopology": "preferCores"},
        "machine": {"preferredMachineType": "q35"},
    }


def test_clone(create: Any) -> None:
    manifest, _ = create(
        "clone", "--source-name=s", "--source-type=snapshot", "--target-name=t", "--new-mac-address=a:1"
    )
    assert manifest["apiVersion"] == "clone.kubevirt.io/v1beta1"
    assert manifest["spec"] == {
        "source": {"apiGroup": "snapshot.kubevirt.io", "kind": "VirtualMachineSnapshot", "name": "s"},
        "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "t"},
        "newMacAddresses": {"a": "1"},
    }


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["instancetype"], 'required flag(s) "cpu", "memory" not set'),
        (["instancetype", "--cpu=0", "--memory=1Gi"], "cpu value must be greater than zero"),
        (["instancetype", "--cpu=1", "--memory=1Gi", "--gpu=name:a"], flag("gpu", "deviceName must be specified")),
        (["preference", "--cpu-topology=x"],
         flag("cpu-topology", "CPU topology must have a value of preferCores, preferSockets or preferThreads")),
        (["clone"], 'required flag(s) "source-name" not set'),
        (["clone", "--source-name=a", "--target-type=snapshot"],
         "target type snapshot is not supported. Supported types: vm"),
        (["clone", "--source-name=a", "--new-mac-address=:b"], "newMacAddress parameter :b has empty interface name"),
    ],
)  # fmt: skip
def test_what_else_cannot_be(capsys: pytest.CaptureFixture[str], words: list[str], line: str) -> None:
    assert main(["create", *words]) == 1
    assert capsys.readouterr().err == line + "\n"
