"""The edge: a plain ASGI middleware next to the client's socket. Not one import at its top level: a
callback of Serve that fails to import ends the whole server."""
