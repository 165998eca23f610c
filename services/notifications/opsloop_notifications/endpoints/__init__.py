"""Endpoints of webhooks: what each is called for, its secrets, how it fares."""
