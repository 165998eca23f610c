"""Merging: posts that say the same become one, and part again, with nothing lost."""
