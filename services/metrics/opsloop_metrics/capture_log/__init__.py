"""Carries captured messages from who answers clients to who writes them, where those are several processes."""
