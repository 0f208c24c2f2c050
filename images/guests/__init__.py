"""Guests, as disks."""
