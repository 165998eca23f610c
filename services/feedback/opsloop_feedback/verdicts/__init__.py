"""Verdicts: pure rules of what kind a post is, and how severe."""
