"""Clients written from docs/http-api.md alone. They need nothing of this project's own code."""
