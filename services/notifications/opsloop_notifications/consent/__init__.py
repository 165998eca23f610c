"""Consent: whether something is sent to a person now, later or not at all."""
