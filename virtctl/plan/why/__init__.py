"""`virtctl why`: from what was read of a VM or VMI to the one cause that it does not do what it should."""
