"""Pure decisions of virt-controller: what was observed -> actions or a rendered document."""
