"""`python3 -m virt_operator render operator|cr`: the manifests that people apply, printed by their own code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from api import crd
from virt_operator.plan.manifest import kubevirt_manifest, operator_manifest
from virt_operator.plan.settings import DEFAULT_NAMESPACE, DEFAULT_PREFIX, DEFAULT_TAG, Images, Settings


def render_main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="virt-operator render", description=__doc__)
    parser.add_argument("what", choices=("operator", "cr"))
    parser.add_argument("--image-prefix", default=DEFAULT_PREFIX, help="registry and path before the component's name")
    parser.add_argument("--tag", default=DEFAULT_TAG)
    parser.add_argument("--namespace", default=DEFAULT_NAMESPACE)
    parser.add_argument("--pull-policy", default="IfNotPresent", choices=("Always", "IfNotPresent", "Never"))
    options = parser.parse_args(arguments)
    settings = Settings(
        namespace=options.namespace,
        images=Images(prefix=options.image_prefix, tag=options.tag),
        pull_policy=options.pull_policy,
    )
    print(render(options.what, settings), end="")
    return 0


def render(what: str, settings: Settings) -> str:
    """YAML documents, block style, keys in the order of the renderer."""
    import yaml

    class Plain(yaml.SafeDumper):
        """No anchors: the same dict in two places is written twice."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    objects = operator_manifest(settings, crd.render("KubeVirt")) if what == "operator" else kubevirt_manifest(settings)
    text = [
        yaml.dump(each, Dumper=Plain, sort_keys=False, width=120, default_flow_style=False, allow_unicode=True)
        for each in objects
    ]
    return "---\n" + "---\n".join(text)
