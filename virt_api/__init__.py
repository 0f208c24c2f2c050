"""Aggregated API, webhooks."""
