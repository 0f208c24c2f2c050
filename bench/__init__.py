"""Measurements of a running podvirt, told as ratios against a baseline of the same run.

`python3 -m bench start|footprint|writes`: see docs/bench.md.
"""
