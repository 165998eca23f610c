"""Alertmanager's own documents: its webhook, version 4, and what clients post to it."""
