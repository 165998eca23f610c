"""What files of events hold: cut into rows, and read as messages; nothing but rules."""
