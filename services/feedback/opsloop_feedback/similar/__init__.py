"""Similar: what else was said about the same, and why we think so."""
