"""Clients written from docs/http-api.md alone, which need nothing of this project's own code; and what makes the
pictures of the documentation, by the engine."""
