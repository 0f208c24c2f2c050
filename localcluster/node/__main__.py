"""Entry of a node: mounts, network, components."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from localcluster.node import mounts, network, supervise


def main(place: str) -> None:
    document = json.loads(Path(place).read_text())
    mounts.arrange(document)
    network.arrange(document)
    supervise.run_components(document["components"], document["api"])


if __name__ == "__main__":
    main(sys.argv[1])
