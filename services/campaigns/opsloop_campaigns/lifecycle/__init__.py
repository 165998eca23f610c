"""Campaigns: what is said to whom, who approved it, and how far it has come."""
