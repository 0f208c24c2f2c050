"""The door between virt-handler (client) and virt-launcher (server): gRPC over the launcher's unix socket.

Messages are msgspec structs in msgpack; there is no protobuf and no generated code. `messages` says what is said,
`wire` how it is bounded and encoded, `client` and `server` are the two ends.
"""
