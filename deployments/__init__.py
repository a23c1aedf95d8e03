"""The service: Ray Serve, HTTP, jobs, storage. Never tensor arithmetic.

ingress/    HTTP: parse, check, answer; holds no job state and does no work after the 202
jobs/       the life of a job: records, the table of all of them, the actor that owns the table
storage/    bytes and records on disk or in an object store
upscaler/   replicas that lease jobs, run the engine and bring results back
app.py      puts the four together
"""
