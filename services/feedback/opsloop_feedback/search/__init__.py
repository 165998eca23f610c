"""Search: posts that speak of all that is asked for, in either language."""
