"""Composing: a template and its data, or words given at once, become a message to people."""
