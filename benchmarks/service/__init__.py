"""What the service is worth beside the plainest peer on the same Serve, what its store can take, and what it keeps."""
