"""The door between virt-handler (client) and virt-launcher (server): gRPC over the launcher's unix socket.

Messages are msgspec structs in msgpack; there is no protobuf and no generated code. `messages` says what is said,
`wire` how it is bounded and encoded, `client` and `server` are the two ends.
"""

import os

# Before gRPC is first imported. Its fork handlers would make every fork wait until gRPC's own threads are idle, which
# they never are while a call is being served: libvirt, which forks to start QEMU inside a Sync, would wait for ever.
# Nobody here forks without exec, so there is nothing for those handlers to protect.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
