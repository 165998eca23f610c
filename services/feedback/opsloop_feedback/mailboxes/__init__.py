"""Mailboxes: where mail for the desk comes from, by a webhook or by IMAP."""
