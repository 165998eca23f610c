"""Locales: which of several languages a person gets."""
