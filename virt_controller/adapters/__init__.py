"""Effects of virt-controller."""
