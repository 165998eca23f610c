"""Intake: what users say comes in, by one post or many."""
