"""Effects of virt-api."""
