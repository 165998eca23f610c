"""Sorting: pure rules of what the words, what was learnt and what a team decided make of a post together."""
