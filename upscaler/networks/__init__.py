"""The two architectures, with the parameter names of the official checkpoints.

A network has no `forward` that swallows a whole picture. Its `run` is a generator of pieces:
between two of them another picture may have the device.
"""
