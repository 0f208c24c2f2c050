"""Shared, pure knowledge: phases, conditions, names, labels, overhead, rules, gates, configuration."""
