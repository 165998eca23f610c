"""Canned replies: what is said to authors again and again, in several languages."""
