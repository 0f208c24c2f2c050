"""From VirtualMachine to launcher pod."""
