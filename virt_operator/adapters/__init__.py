"""Effects of virt-operator."""
