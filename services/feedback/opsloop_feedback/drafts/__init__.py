"""Drafts: what somebody has begun to write about a post, for their eyes alone."""
