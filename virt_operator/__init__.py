"""Installs, updates and removes podvirt."""
