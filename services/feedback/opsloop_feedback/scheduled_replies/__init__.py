"""Scheduled replies: what is said to an author later, once, unless somebody thinks better of it."""
