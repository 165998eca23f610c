"""CSAT: whether authors are satisfied with how their posts were resolved."""
