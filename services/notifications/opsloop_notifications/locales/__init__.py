"""Locales: which of the languages that something is said in a person gets."""
