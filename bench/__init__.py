"""Measurements, told as ratios."""
