"""`python3 -m api.crd [KIND...]` prints CRDs as one JSON List, which `kubectl apply -f -` takes."""

from __future__ import annotations

import json
import sys

from api.crd import KINDS, render


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 when a kind is unknown."""
    unknown = [name for name in arguments if name not in KINDS]
    if unknown:
        print(f"no such kind: {', '.join(unknown)}; there are {', '.join(KINDS)}", file=sys.stderr)
        return 2
    items = [render(name) for name in arguments or KINDS]
    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
