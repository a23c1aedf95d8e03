"""Other ways to run the same networks, measured beside ours. Each script runs in `.venv-peers`."""
