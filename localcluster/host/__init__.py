"""What this machine is and has: programs, addresses, links, cgroups, processes."""
