"""Effects of virt-handler."""
