"""What people do with clusters: up, down, status, load, nodes, logs."""
