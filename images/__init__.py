"""How each container image is built."""
