"""The reject log: what was refused, why, and how it came, for whoever looks for the fault."""
