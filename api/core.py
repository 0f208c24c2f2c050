"""The core/v1 structures that a VM's spec embeds to steer its pod: where it may run and how it resolves names."""

from __future__ import annotations

from typing import Annotated, ClassVar

from api.marks import ATOMIC_LIST, ATOMIC_MAP, Int32, Int64, Mark, admission_enum
from api.meta import LabelSelector
from api.view import View


class NodeSelectorRequirement(View, frozen=True, kw_only=True):
    """One test on a node's label or field."""

    key: str
    """Label or field to look at."""
    operator: Annotated[str, admission_enum("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")]
    """In, NotIn, Exists, DoesNotExist, Gt or Lt."""
    values: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Candidates for In and NotIn, one number for Gt and Lt."""


class NodeSelectorTerm(View, frozen=True, kw_only=True):
    """Tests that a node must all pass."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    match_expressions: Annotated[tuple[NodeSelectorRequirement, ...], ATOMIC_LIST] = ()
    """Tests on the node's labels."""
    match_fields: Annotated[tuple[NodeSelectorRequirement, ...], ATOMIC_LIST] = ()
    """Tests on the node's fields (metadata.name)."""


class NodeSelector(View, frozen=True, kw_only=True):
    """Alternatives: a node that satisfies one term will do."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], ATOMIC_LIST]
    """The alternatives; at least one."""


class PreferredSchedulingTerm(View, frozen=True, kw_only=True):
    """A wish about the node, with its weight."""

    weight: Int32
    """1 to 100; the scheduler adds up the weights of the wishes a node fulfils."""
    preference: NodeSelectorTerm
    """What is wished for."""


class NodeAffinity(View, frozen=True, kw_only=True):
    """Which nodes the pod must or would rather run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """What a node must have for the pod to be put there."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredSchedulingTerm, ...], ATOMIC_LIST
    ] = ()
    """What makes a node better than another."""


class PodAffinityTerm(View, frozen=True, kw_only=True):
    """Other pods, and how near counts as near."""

    topology_key: str
    """Node label whose equal value means "the same place"."""
    label_selector: LabelSelector | None = None
    """Which pods are meant; absent means none."""
    namespaces: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Namespaces of those pods by name; none of this and no selector means the pod's own."""
    namespace_selector: LabelSelector | None = None
    """Namespaces of those pods by label, added to the named ones; empty means all."""
    match_label_keys: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Labels of the incoming pod whose values the others must share."""
    mismatch_label_keys: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Labels of the incoming pod whose values the others must not share."""


class WeightedPodAffinityTerm(View, frozen=True, kw_only=True):
    """A wish about nearness to other pods, with its weight."""

    weight: Int32
    """1 to 100, added up per node."""
    pod_affinity_term: PodAffinityTerm
    """What is wished for."""


class PodAffinity(View, frozen=True, kw_only=True):
    """Pods to be near to."""

    required_during_scheduling_ignored_during_execution: Annotated[tuple[PodAffinityTerm, ...], ATOMIC_LIST] = ()
    """Without these in the same place the pod is not scheduled."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[WeightedPodAffinityTerm, ...], ATOMIC_LIST
    ] = ()
    """Places near these are better."""


class PodAntiAffinity(View, frozen=True, kw_only=True):
    """Pods to keep away from."""

    required_during_scheduling_ignored_during_execution: Annotated[tuple[PodAffinityTerm, ...], ATOMIC_LIST] = ()
    """With one of these in the same place the pod is not scheduled."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[WeightedPodAffinityTerm, ...], ATOMIC_LIST
    ] = ()
    """Places away from these are better."""


class Affinity(View, frozen=True, kw_only=True):
    """Where the pod must, may and must not run."""

    node_affinity: NodeAffinity | None = None
    """Rules about nodes."""
    pod_affinity: PodAffinity | None = None
    """Rules that draw towards other pods."""
    pod_anti_affinity: PodAntiAffinity | None = None
    """Rules that keep away from other pods."""


class Toleration(View, frozen=True, kw_only=True):
    """A node taint that does not keep the pod away."""

    key: str = ""
    """Taint to tolerate; empty with operator Exists tolerates all."""
    operator: Annotated[str, admission_enum("Equal", "Exists")] = ""
    """Equal compares the value too, Exists does not; empty means Equal."""
    value: str = ""
    """Value the taint must have."""
    effect: Annotated[str, admission_enum("NoExecute", "NoSchedule", "PreferNoSchedule")] = ""
    """Effect to tolerate; empty means every effect."""
    toleration_seconds: Int64 | None = None
    """How long a NoExecute taint is borne; absent means for ever."""


_HONOR = admission_enum("Honor", "Ignore")


class TopologySpreadConstraint(View, frozen=True, kw_only=True):
    """How evenly pods are spread over places."""

    max_skew: Int32
    """By how many pods the fullest and the emptiest place may differ."""
    topology_key: str
    """Node label whose values are the places."""
    when_unsatisfiable: Annotated[str, admission_enum("DoNotSchedule", "ScheduleAnyway")]
    """DoNotSchedule waits, ScheduleAnyway makes it a wish."""
    label_selector: LabelSelector | None = None
    """Which pods are counted."""
    min_domains: Int32 | None = None
    """How many places there must be for an empty one to count as empty."""
    node_affinity_policy: Annotated[str | None, _HONOR] = None
    """Honor counts only nodes the pod's node rules allow (the default), Ignore all."""
    node_taints_policy: Annotated[str | None, _HONOR] = None
    """Honor counts only nodes whose taints the pod tolerates, Ignore (the default) all."""
    match_label_keys: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Labels of the incoming pod whose values counted pods must share."""


class PodDNSConfigOption(View, frozen=True, kw_only=True):
    """One option of resolv.conf."""

    name: str = ""
    """Name of the option, such as ndots."""
    value: str | None = None
    """Its value, where it has one."""


class PodDNSConfig(View, frozen=True, kw_only=True):
    """Additions to what the DNS policy puts into resolv.conf."""

    nameservers: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Addresses of name servers, after those of the policy."""
    searches: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Search domains, after those of the policy."""
    options: Annotated[tuple[PodDNSConfigOption, ...], ATOMIC_LIST] = ()
    """Resolver options; one of the same name replaces the policy's."""
