"""Monitors at work: the state machine, when it looks, and the history of what it saw."""
