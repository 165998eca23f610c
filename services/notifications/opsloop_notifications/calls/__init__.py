"""Calls: what waits to be said through channels, and the log of what was tried."""
