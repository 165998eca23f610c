"""How much waits to leave the house."""
