"""Bulk changes: the same change of many posts, tried before, done by a job, and undone."""
