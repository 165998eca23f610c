"""Conversations: replies to the author and notes among ourselves."""
