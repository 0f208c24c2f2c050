"""Effects of virt-launcher."""
