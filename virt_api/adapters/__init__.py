"""Effects: what virt-api reads from the cluster, asks it, and serves to it."""
