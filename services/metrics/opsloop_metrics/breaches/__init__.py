"""Incidents: the time between a breach and its end."""
