"""The `upscale` command: the engine without any server."""
