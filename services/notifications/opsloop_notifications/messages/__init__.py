"""Messages to people: one row a recipient, sent by mail."""
