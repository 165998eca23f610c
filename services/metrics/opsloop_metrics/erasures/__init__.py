"""How long domain events are kept, and their end."""
