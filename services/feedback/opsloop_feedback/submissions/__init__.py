"""Submissions: what somebody may say, and whose word counts."""
