"""Pure decisions of virt-launcher: what was observed -> actions or a rendered document."""
