"""Kubernetes client, reflector, store, queue, election, TLS, metrics, logging. No domain knowledge."""
