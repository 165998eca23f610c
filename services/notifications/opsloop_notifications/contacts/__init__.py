"""Contacts: where people are reached besides mail, by phone, in chats and in their browsers."""
