"""`virtctl create`: from flags to a manifest on standard output. Nothing is sent to a cluster."""
