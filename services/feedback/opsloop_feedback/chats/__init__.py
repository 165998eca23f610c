"""Chats: visitors of somebody's page and the people of the desk talk with each other while both are there, and by mail afterwards."""
