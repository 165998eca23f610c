"""Digests: what is held for a person until a time, so that it comes as one mail."""
