"""Brings what other services say into the store of product events, where something is captured."""
