"""Which values are unusual, and what was to be expected instead."""
