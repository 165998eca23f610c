"""Synonyms: what a workspace calls one thing, beyond what is shipped."""
