"""Attachments: files that posts and messages name."""
