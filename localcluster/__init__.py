"""A real Kubernetes on one machine: real binaries, nodes that are namespaces, no Docker and no registry.

Floors, lowest first: `host` (what this machine is and has), `programs` (built or fetched, by content), `render` (pure
documents), `node` (what runs inside a node), `cluster` (up, down and the rest). `__main__` only parses words.
"""
