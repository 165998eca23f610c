"""Recipients: one row a person a campaign reaches, with what became of it."""
