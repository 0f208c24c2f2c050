"""Pure parts of the local cluster, and the effects that need no cluster."""
