"""Digests as they go out: one mail of all that was held for a person, through consent as it is then."""
