"""A service of one table, for testing what services share."""
