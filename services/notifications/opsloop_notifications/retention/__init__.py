"""How long events and what came of them are kept, and their end."""
