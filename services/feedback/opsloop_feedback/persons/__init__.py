"""Persons: whoever posts by several channels and names is one human; known by an id, suggested by an address, joined by hand."""
