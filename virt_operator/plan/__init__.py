"""Pure decisions of virt-operator: what was observed -> actions or a rendered document."""
