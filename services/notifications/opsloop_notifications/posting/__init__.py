"""Posting: waiting mails are handed to mail servers, and what those answer is judged."""
