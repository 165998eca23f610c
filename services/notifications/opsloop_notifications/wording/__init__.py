"""Wording: what a template and its data come to, as a mail and as an entry of the inbox."""
