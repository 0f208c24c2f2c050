"""What the end-to-end tests stand on: a real cluster, kubectl, consoles, deadlines, evidence on failure."""
