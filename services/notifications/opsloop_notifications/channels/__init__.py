"""Channels: the chats, the provider of SMS and the keys of Web Push that a workspace has."""
