"""Clients and workers of a Temporal that runs elsewhere, over its HTTP API.

Must not import: another adapter (the API's table aside)."""
