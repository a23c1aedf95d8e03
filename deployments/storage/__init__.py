"""Bytes and records, on disk or in an object store. Knows job ids and file names, not rules."""
