"""The command `upscale-client`."""
