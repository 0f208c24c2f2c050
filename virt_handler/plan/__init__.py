"""Pure decisions of virt-handler: what was observed -> actions or a rendered document."""
