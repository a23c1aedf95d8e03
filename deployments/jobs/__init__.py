"""The life of a job. `table.py` decides, `store.py` acts, `record.py` is what is kept."""
