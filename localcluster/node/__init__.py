"""What runs inside a node: the mounts, the network, and a supervisor of the components.

`python3 -m localcluster.node NODE.json` is the only child of the node's init. It imports everything before it mounts
anything: afterwards this package may be out of sight.
"""
