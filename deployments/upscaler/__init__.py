"""Replicas that lease jobs from the store, run the engine and bring results back."""
