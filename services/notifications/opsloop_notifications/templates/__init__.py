"""Templates: what is said to people, kept in versions."""
