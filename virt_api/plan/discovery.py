"""What the aggregated API says of itself: its groups, versions and subresources.

The list is in the order in which the original gives it, of what is served here.
"""

from __future__ import annotations

from typing import Any

GROUP = "subresources.kubevirt.io"
VERSIONS = ("v1", "v1alpha3")
SUBRESOURCES = (
    "expand-vm-spec",
    "virtualmachineinstances/vnc",
    "virtualmachineinstances/vnc/screenshot",
    "virtualmachineinstances/console",
    "virtualmachineinstances/portforward",
    "virtualmachineinstances/backup",
    "virtualmachineinstances/redefine-checkpoint",
    "virtualmachineinstances/pause",
    "virtualmachineinstances/unpause",
    "virtualmachineinstances/freeze",
    "virtualmachineinstances/unfreeze",
    "virtualmachineinstances/reset",
    "virtualmachineinstances/softreboot",
    "virtualmachines/start",
    "virtualmachines/stop",
    "virtualmachines/restart",
    "virtualmachines/migrate",
    "virtualmachines/expand-spec",
    "virtualmachines/objectgraph",
    "virtualmachines/evacuate/cancel",
    "virtualmachineinstances/guestosinfo",
    "virtualmachineinstances/userlist",
    "virtualmachineinstances/filesystemlist",
    "virtualmachineinstances/addvolume",
    "virtualmachineinstances/removevolume",
    "virtualmachineinstances/objectgraph",
    "virtualmachineinstances/sev/fetchcertchain",
    "virtualmachineinstances/sev/querylaunchmeasurement",
    "virtualmachineinstances/sev/setupsession",
    "virtualmachineinstances/sev/injectlaunchsecret",
    "virtualmachineinstances/evacuate/cancel",
)
"""Not all that there are: memory dumps, usbredir, and what a VM passes on to its VMI have never been listed."""
_LISTED = ("/apis", "/healthz", "/metrics", "/openapi/v2", "/openapi/v3", "/version")


def _entry(version: str) -> dict[str, str]:
    return {"groupVersion": f"{GROUP}/{version}", "version": version}


def api_group() -> dict[str, Any]:
    """The APIGroup; kube-apiserver builds its own of the APIServices, this one is for who asks us directly."""
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": GROUP,
        "versions": [_entry(version) for version in VERSIONS],
        "preferredVersion": _entry(VERSIONS[0]),
    }


def api_groups() -> dict[str, Any]:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [api_group()]}


def api_resources(version: str) -> dict[str, Any]:
    """The APIResourceList of a version."""
    entries = [
        {"name": name, "singularName": "", "namespaced": True, "kind": "", "verbs": None} for name in SUBRESOURCES
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{version}", "resources": entries}


def paths() -> dict[str, list[str]]:
    """What stands at the root."""
    versions = [f"/apis/{GROUP}/{version}" for version in VERSIONS]
    return {"paths": sorted([*_LISTED, f"/apis/{GROUP}", *versions])}


def openapi_v2() -> dict[str, Any]:
    """An OpenAPI document of the least: there are paths, they are not described."""
    info = {"title": "podvirt subresources", "version": VERSIONS[0]}
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}


def openapi_v3_index() -> dict[str, Any]:
    roots = [f"apis/{GROUP}/{version}" for version in VERSIONS]
    return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in roots}}


def openapi_v3() -> dict[str, Any]:
    info = {"title": "podvirt subresources", "version": VERSIONS[0]}
    return {"openapi": "3.0.0", "info": info, "paths": {}, "components": {"schemas": {}}}
