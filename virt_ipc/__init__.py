"""The door between virt-handler (client) and virt-launcher (server): calls over the launcher's unix socket.

Messages are msgspec structs in msgpack. `messages` says what is said, `wire` how it is framed and bounded, `client`
and `server` are the two ends. Why this is not gRPC: docs/design/2026-11-24-launcher-transport.md.
"""
