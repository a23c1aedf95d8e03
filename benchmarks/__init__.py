"""Benchmarks: one command each. They print ratios of things measured in the same run, and JSON."""
