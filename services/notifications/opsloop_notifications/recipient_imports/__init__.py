"""Many recipients at once: a batch in one request, or a file that a job reads."""
