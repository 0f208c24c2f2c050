"""Labels, annotations and finalizers that users, tools and our own components read on objects."""

from __future__ import annotations

from typing import Final

# --- labels on pods of ours and on launchers
ROLE: Final = "kubevirt.io"
ROLE_LAUNCHER: Final = "virt-launcher"
ROLE_HANDLER: Final = "virt-handler"
ROLE_HOTPLUG: Final = "hotplug-disk"
CREATED_BY: Final = "kubevirt.io/created-by"  # UID of the VMI
NODE_NAME: Final = "kubevirt.io/nodeName"
DOMAIN: Final = "kubevirt.io/domain"  # also an annotation
VM_NAME: Final = "vm.kubevirt.io/name"  # the guest's host name
VMI_ID: Final = "vmi.kubevirt.io/id"
LOG_VERBOSITY: Final = "logVerbosity"  # how much a VMI's launcher says in its log, 0 to 9
OUTDATED_LAUNCHER_IMAGE: Final = "kubevirt.io/outdatedLauncherImage"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTALL_STRATEGY: Final = "kubevirt.io/install-strategy"

# --- labels of migrations
MIGRATION_TARGET_NODE_NAME: Final = "kubevirt.io/migrationTargetNodeName"
MIGRATION_JOB_UID: Final = "kubevirt.io/migrationJobUID"
MIGRATION_NAME: Final = "kubevirt.io/migrationName"
EVACUATION_MIGRATION: Final = "kubevirt.io/evacuationMigration"  # annotation: the node that is left
MIGRATION_VMI_NAME: Final = "kubevirt.io/vmi-name"
#: annotation, ours. Of a migration, with any value: the guest may stand still so that it gets done. virt-controller
#: passes it on to the VMI, there with the migration's UID.
FORCE_COMPLETE: Final = "podvirt.io/force-complete"
#: annotation of a VMI, ours: seconds since 1970 at which the file systems of a guest are unfrozen that moves frozen
UNFREEZE_AT: Final = "podvirt.io/unfreeze-at"
#: annotation of a VMI, ours: UID of the migration whose target's launcher answers, which its node's agent knows some
#: time before the kubelet says that it runs; gone with the hand-over to the agents
TARGET_ANSWERS: Final = "podvirt.io/target-answers"

# --- node labels and annotations
SCHEDULABLE: Final = "kubevirt.io/schedulable"
CPU_MANAGER: Final = "kubevirt.io/cpumanager"
CPU_MANAGER_OLD: Final = "cpumanager"
HEARTBEAT: Final = "kubevirt.io/heartbeat"  # annotation: RFC 3339
ARCH: Final = "kubernetes.io/arch"
MACHINE_TYPE_PREFIX: Final = "machine-type.node.kubevirt.io/"
CPU_MODEL_PREFIX: Final = "cpu-model.node.kubevirt.io/"
CPU_MODEL_MIGRATION_PREFIX: Final = "cpu-model-migration.node.kubevirt.io/"
CPU_FEATURE_PREFIX: Final = "cpu-feature.node.kubevirt.io/"
CPU_VENDOR_PREFIX: Final = "cpu-vendor.node.kubevirt.io/"
CPU_TIMER_PREFIX: Final = "cpu-timer.node.kubevirt.io/"
HOST_MODEL_CPU_PREFIX: Final = "host-model-cpu.node.kubevirt.io/"
HOST_MODEL_FEATURES_PREFIX: Final = "host-model-required-features.node.kubevirt.io/"
HYPERV_PREFIX: Final = "hyperv.node.kubevirt.io/"
OBSOLETE_HOST_MODEL: Final = "node-labeller.kubevirt.io/obsolete-host-model"
VM_ARCH_PREFIX: Final = "kubevirt.io/vm-arch-"

# --- annotations
VM_GENERATION: Final = "kubevirt.io/vm-generation"
OBSERVED_API_VERSION: Final = "kubevirt.io/latest-observed-api-version"
STORAGE_API_VERSION: Final = "kubevirt.io/storage-observed-api-version"
PCI_TOPOLOGY_VERSION: Final = "kubevirt.io/pci-topology-version"
PCI_INTERFACE_SLOTS: Final = "kubevirt.io/pci-interface-slot-count"
PCI_ON_ROOT_COMPLEX: Final = "kubevirt.io/placePCIDevicesOnRootComplex"
MEMORY_OVERHEAD: Final = "kubevirt.io/memory-overhead-bytes"
MIGRATION_TRANSPORT_UNIX: Final = "kubevirt.io/migrationTransportUnix"
EPHEMERAL_PROVISIONING: Final = "kubevirt.io/ephemeral-provisioning"
KEEP_LAUNCHER_AFTER_FAILURE: Final = "kubevirt.io/keep-launcher-alive-after-failure"
FREE_PAGE_REPORTING_DISABLED: Final = "kubevirt.io/free-page-reporting-disabled"
BRIDGE_LIVE_MIGRATION: Final = "kubevirt.io/allow-pod-bridge-network-live-migration"
IGNITION_DATA: Final = "kubevirt.io/ignitiondata"
NONROOT: Final = "kubevirt.io/nonroot"
IMMEDIATE_DATA_VOLUMES: Final = "kubevirt.io/immediate-data-volume-creation"
RESTORE_RUN_STRATEGY: Final = "kubevirt.io/restore-run-strategy"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
DESCHEDULER_EVICT_ONLY: Final = "descheduler.alpha.kubernetes.io/request-evict-only"
VELERO_PRE_PREFIX: Final = "pre.hook.backup.velero.io/"
VELERO_POST_PREFIX: Final = "post.hook.backup.velero.io/"
ISTIO_KUBEVIRT_INTERFACES: Final = "traffic.sidecar.istio.io/kubevirtInterfaces"
ISTIO_REROUTE_INTERFACES: Final = "istio.io/reroute-virtual-interfaces"
ISTIO_INJECT: Final = "sidecar.istio.io/inject"
NETWORK_INFO: Final = "kubevirt.io/network-info"

# --- finalizers
VMI_FINALIZER: Final = "kubevirt.io/foregroundDeleteVirtualMachine"
VMI_FINALIZER_OLD: Final = "foregroundDeleteVirtualMachine"
VM_FINALIZER: Final = "kubevirt.io/virtualMachineControllerFinalize"  # on VMs and on their VMIs
MIGRATION_FINALIZER: Final = "kubevirt.io/migrationJobFinalize"
KUBEVIRT_FINALIZER: Final = "kubevirt.io/foregroundDeleteKubeVirt"
KUBEVIRT_FINALIZER_OLD: Final = "foregroundDeleteKubeVirt"
CRD_FINALIZER: Final = "kubevirt.io/virtOperatorFinalizer"
MACHINE_FINALIZERS: Final = frozenset({VM_FINALIZER, VMI_FINALIZER, VMI_FINALIZER_OLD})  # ours on VMs, VMIs and pods
ORPHAN_FINALIZER: Final = "orphan"  # Kubernetes' own: the owner goes, what it owns stays
FOREGROUND_FINALIZER: Final = "foregroundDeletion"  # Kubernetes' own: what it owns goes first

# --- Kubernetes' own taint of a node that is switched off
OUT_OF_SERVICE_TAINT: Final = "node.kubernetes.io/out-of-service"
#: annotation of a Node, by a fencing agent: the boot (`status.nodeInfo.bootID`) that it has ended
FENCED_BOOT: Final = "podvirt.io/fenced-boot"

# --- pod readiness gate
UNPAUSED_GATE: Final = "kubevirt.io/virtual-machine-unpaused"
