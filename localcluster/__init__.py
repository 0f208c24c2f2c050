"""A real Kubernetes on one machine: real binaries, nodes that are namespaces, no Docker and no registry.

Floors, lowest first: `host` (what this machine is and has), `build` (binaries by content hash), `render` (pure
documents), `node` (what runs inside a node), `cluster` (up, down and the rest). `__main__` only parses words.
"""
