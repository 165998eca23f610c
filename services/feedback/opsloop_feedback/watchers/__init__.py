"""Watchers: who wants to know what becomes of a post."""
