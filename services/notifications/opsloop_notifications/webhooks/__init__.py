"""Webhook endpoints: who hears of which events, and how they are signed."""
