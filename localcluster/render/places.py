"""Paths inside a node. `/run/podvirt` is made of binds, so that it shows the same in every node."""

from __future__ import annotations

RUN = "/run/podvirt"
BIN = f"{RUN}/bin"
ETC = f"{RUN}/etc"
PKI = f"{RUN}/pki"
LOGS = f"{RUN}/logs"
VOLUMES = f"{RUN}/volumes"
CNI_CONFIG = "/var/lib/cni/net.d"
CNI_PROGRAMS = ("/var/lib/cni/bin", "/usr/lib/cni")
CONTAINERD = "/run/containerd/containerd.sock"
LOCAL_API = "https://127.0.0.1:6443"
