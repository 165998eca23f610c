"""Active users: distinct people of a day, of 7 days and of 30."""
