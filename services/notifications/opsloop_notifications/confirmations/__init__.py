"""Confirmations: whether an address is really theirs, asked by mail (double opt-in)."""
