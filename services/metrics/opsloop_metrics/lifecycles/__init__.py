"""Lifecycle: of those who are active, who is new, who came back, and who stayed away."""
