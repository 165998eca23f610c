"""Replies: what we answer people to what they said, by mail in its thread and into their inbox."""
