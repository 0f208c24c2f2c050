"""Pure: a cluster in, documents out. Everything is JSON, which Kubernetes reads wherever it reads YAML."""
