"""HTTP: parse, check, answer. Holds no job state and does no work after the 202. Never loads torch."""
