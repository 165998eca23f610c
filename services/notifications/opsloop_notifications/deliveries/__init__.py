"""Deliveries: one row an event and endpoint, with every attempt."""
