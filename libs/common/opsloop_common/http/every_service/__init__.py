"""Routes that every service answers besides its own."""
