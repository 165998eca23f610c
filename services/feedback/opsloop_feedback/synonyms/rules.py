"""Decisions of synonyms: what they may be."""

from __future__ import annotations

READ_POSTS = "feedback.read_posts"
"""The job that reads all posts again by words that changed."""
TERMS_PER_GROUP = 10
TERM_CHARACTERS = 40
