"""Where an answer of ours is not the recorded one, and why that is so; every other one is compared word for word.

`LATER`: what was accepted, or refused by the rules of a capability, is refused here as not supported yet. A row goes
with its capability: its case then fails the test. `BETTER`: the original is at fault, and no client depends on it.
`OTHERS`: not an answer of a webhook.
"""

from __future__ import annotations

_CLAIMS = "persistent volume claims"
_TYPES = "instance types"
_SNAPSHOTS = "snapshots"
_HOT_PLUG = "hot-plugged volumes"
_AGENT = "the guest agent"

LATER = {
    "vmi: pvc without claimName": _CLAIMS,
    "vmi: unknown binding plugin": "network binding plugins",
    "vmi: sriov on pod network": "SR-IOV",
    "vmi: gpu without permitted": "GPUs",
    "vm: missing instancetype": _TYPES,
    "vm: instancetype bad kind": _TYPES,
    "vm: instancetype conflicts with resources": _TYPES,
    "vm: instancetype conflicts with cpu": _TYPES,
    "vm: missing preference": "preferences",
    "preference: conflicting topology": "preferences",
    "snapshot: bad source kind": _SNAPSHOTS,
    "snapshot: no apiGroup": _SNAPSHOTS,
    "restore: snapshot missing": _SNAPSHOTS,
    "clone: source missing": "clones",
    "export: bad source": "exports of disks",
}
BETTER = {
    "vmi: guest memory 0": "no guest has no memory: the original tries to start it for ever",
    "vmi: watchdog bogus action": "libvirt knows no such action: the original tries to start the guest for ever",
    "kubevirt: bad update": "the original shows the innards of its decoder; here a cause names the field",
}
OTHERS = {
    "vmi: bad name": "the API server judges names",
    "vmi duplicate create": "the API server knows that the name is taken",
    "vmirs: no selector": "the schema of the CRD, asked by the API server",
    "instancetype: empty": "the schema of the CRD, asked by the API server",
    "instancetype: memory overcommit 200": "the schema of the CRD, asked by the API server",
    "subresource version": "another program, of another version",
    "subresource healthz": "another cluster",
}
SUBRESOURCES = {
    "subresource: vmi unfreeze": f"freezing comes with {_AGENT}",
    "subresource: vmi userlist": f"users come with {_AGENT}",
    "subresource: addvolume missing pvc": f"{_HOT_PLUG} are not supported yet",
    "subresource: removevolume unknown": "400 instead of 202 for a volume that there is not: as for a VM",
    "subresource root discovery": "what is not served is not listed",
}
"""The same of the actions that were called in between."""
