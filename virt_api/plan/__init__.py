"""Pure decisions of virt-api: what was observed -> actions or a rendered document."""
