"""Teams: who works on posts together, and when."""
