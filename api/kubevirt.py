"""KubeVirt: the installation itself, as wanted and as it is."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.configuration import KubeVirtConfiguration
from api.core import Affinity, Toleration
from api.marks import ATOMIC_LIST, Int, Int64, Mark, PullPolicy, UInt8
from api.meta import Condition, LocalObjectReference, ObjectMeta
from api.view import View

NotEmpty = Annotated[str, Mark(crd={"minLength": 1})]


class CertConfig(View, frozen=True, kw_only=True):
    """Life of a certificate; durations as Go writes them."""

    duration: str | None = None
    """How long it is valid."""
    renew_before: str | None = None
    """How long before its end a new one is made."""


class KubeVirtSelfSignConfiguration(View, frozen=True, kw_only=True):
    """Certificates signed by a CA of our own."""

    ca: CertConfig | None = None
    """Life of the CA."""
    server: CertConfig | None = None
    """Life of the certificates it signs."""
    ca_rotate_interval: str | None = None
    """Old form of ca.duration."""
    cert_rotate_interval: str | None = None
    """Old form of server.duration."""
    ca_overlap_interval: str | None = None
    """Old form of ca.renewBefore."""


class KubeVirtCertificateRotateStrategy(View, frozen=True, kw_only=True):
    """How certificates are renewed."""

    self_signed: KubeVirtSelfSignConfiguration | None = None
    """By a CA of our own, the only way."""


class CustomizeComponentsPatch(View, frozen=True, kw_only=True):
    """A change to something we install."""

    resource_name: NotEmpty
    """Name of the object, or * for all of its kind."""
    resource_type: NotEmpty
    """Kind of the object."""
    patch: str
    """The change, as JSON."""
    type: str
    """strategic, merge or json."""


class Flags(View, frozen=True, kw_only=True):
    """Command-line flags by component."""

    api: dict[str, str] = {}
    """Of virt-api."""
    controller: dict[str, str] = {}
    """Of virt-controller."""
    handler: dict[str, str] = {}
    """Of virt-handler."""


class CustomizeComponents(View, frozen=True, kw_only=True):
    """Changes to what we install, at one's own risk."""

    patches: Annotated[tuple[CustomizeComponentsPatch, ...], ATOMIC_LIST] = ()
    """Changes to objects."""
    flags: Flags | None = None
    """Further flags."""


class NodePlacement(View, frozen=True, kw_only=True):
    """Where pods of ours run."""

    node_selector: dict[str, str] = {}
    """Labels their nodes must have."""
    affinity: Affinity | None = None
    """Rules about their nodes and neighbours."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints they bear."""


class ComponentConfig(View, frozen=True, kw_only=True):
    """A group of our components."""

    node_placement: NodePlacement | None = None
    """Where they run."""
    replicas: UInt8 | None = None
    """How many of each; absent means two."""


class KubeVirtWorkloadUpdateStrategy(View, frozen=True, kw_only=True):
    """What becomes of running VMs after an update."""

    workload_update_methods: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """LiveMigrate, Evict; none leaves them alone."""
    batch_eviction_size: Int | None = None
    """VMs evicted at a time; absent means ten."""
    batch_eviction_interval: str | None = None
    """Pause between batches; absent means a minute."""


class KubeVirtSpec(View, frozen=True, kw_only=True):
    """The installation as wanted."""

    configuration: KubeVirtConfiguration = KubeVirtConfiguration()
    """How VMs are run."""
    image_tag: str = ""
    """Version of the images; empty means that of the operator."""
    image_registry: str = ""
    """Where the images are; empty means where the operator's is."""
    image_pull_policy: PullPolicy = ""
    """When images are fetched."""
    image_pull_secrets: Annotated[tuple[LocalObjectReference, ...], ATOMIC_LIST] = ()
    """Secrets for the registry."""
    infra: ComponentConfig | None = None
    """virt-api and virt-controller."""
    workloads: ComponentConfig | None = None
    """virt-handler, and with it the VMs."""
    certificate_rotate_strategy: KubeVirtCertificateRotateStrategy = KubeVirtCertificateRotateStrategy()
    """Renewal of certificates."""
    uninstall_strategy: str = ""
    """RemoveWorkloads, or BlockUninstallIfWorkloadsExist to refuse deletion while VMs exist."""
    workload_update_strategy: KubeVirtWorkloadUpdateStrategy = KubeVirtWorkloadUpdateStrategy()
    """Running VMs after an update."""
    customize_components: CustomizeComponents = CustomizeComponents()
    """Changes to what is installed."""
    product_name: str = ""
    """Name put into the labels of what is installed."""
    product_version: str = ""
    """Version put there."""
    product_component: str = ""
    """Part of the product, put there too."""
    monitor_namespace: str = ""
    """Namespace of Prometheus."""
    monitor_account: str = ""
    """Service account of Prometheus."""
    service_monitor_namespace: str = ""
    """Namespace for the ServiceMonitor."""
    synchronization_port: str = ""
    """Port of the synchronisation controller."""


class GenerationStatus(View, frozen=True, kw_only=True):
    """The generation in which we last left an object of ours."""

    group: str
    """API group of the object."""
    resource: str
    """Resource of the object, in plural."""
    name: str
    """What it is called."""
    last_generation: Int64
    """Its generation."""
    namespace: str = ""
    """Where it is; empty for cluster-scoped objects."""
    hash: str = ""
    """Digest of what has no generation."""


class KubeVirtStatus(View, frozen=True, kw_only=True):
    """The installation as it is."""

    phase: str = ""
    """Deploying, Deployed, Deleting or Deleted."""
    conditions: tuple[Condition, ...] = ()
    """Created, Available, Progressing, Degraded, Synchronized."""
    operator_version: str = ""
    """Version of the operator."""
    target_kubevirt_registry: str = field(name="targetKubeVirtRegistry", default="")
    """Registry to get to."""
    target_kubevirt_version: str = field(name="targetKubeVirtVersion", default="")
    """Version to get to."""
    target_deployment_config: str = ""
    """Configuration of the deployment to get to, as JSON."""
    target_deployment_id: str = field(name="targetDeploymentID", default="")
    """Digest of it."""
    observed_kubevirt_registry: str = field(name="observedKubeVirtRegistry", default="")
    """Registry installed from."""
    observed_kubevirt_version: str = field(name="observedKubeVirtVersion", default="")
    """Version installed."""
    observed_deployment_config: str = ""
    """Configuration of the deployment reached, as JSON."""
    observed_deployment_id: str = field(name="observedDeploymentID", default="")
    """Digest of what was reached."""
    observed_generation: Int64 | None = None
    """Generation of the spec this is about."""
    outdated_virtual_machine_instance_workloads: Int | None = None
    """VMs that still run in launchers of an older version."""
    default_architecture: str = ""
    """Architecture of VMs that name none."""
    generations: Annotated[tuple[GenerationStatus, ...], ATOMIC_LIST] = ()
    """Generations of our objects."""
    synchronization_addresses: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Addresses of the synchronisation controllers."""


class KubeVirt(View, frozen=True, kw_only=True):
    """One installation; there is one per cluster."""

    api_version: str = ""
    """Group and version of the installation's kind."""
    kind: str = ""
    """KubeVirt."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the installation."""
    spec: KubeVirtSpec
    """What is to be."""
    status: KubeVirtStatus = KubeVirtStatus()
    """What there is."""
