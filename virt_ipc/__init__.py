"""The gRPC contract between virt-handler and virt-launcher."""
