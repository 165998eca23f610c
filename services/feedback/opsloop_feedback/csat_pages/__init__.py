"""CSAT pages: the question that a link opens."""
