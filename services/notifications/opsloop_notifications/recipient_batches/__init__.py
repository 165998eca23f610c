"""Recipient batches: many people put at once, each row for itself."""
